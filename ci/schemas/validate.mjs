// Checks a JSON file against a JSON Schema, draft 7 or 2020-12: node validate.mjs SCHEMA FILE. Prints one line for each finding; exit code 1 when there is one.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const [schema, value] = process.argv.slice(2, 4).map((file) => JSON.parse(readFileSync(file, 'utf8')));
const Validator = schema.$schema.includes('2020-12') ? Ajv2020.default : Ajv.default;
const validator = new Validator({ allErrors: true, strict: false });
formats.default(validator);
const check = validator.compile(schema);
if (!check(value)) {
  for (const error of check.errors) {
    console.log(`${error.instancePath || '/'} ${error.message}`);
  }

  process.exitCode = 1;
}
