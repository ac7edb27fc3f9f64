// Checks definitions against published schemas: node check.mjs FILE...
// A file with 'jobs' is a workflow; every other document is a Kubernetes object. Prints one line for each finding; exit code 1 when there is one.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const validator = fileURLToPath(new URL('node_modules/@action-validator/cli/cli.mjs', import.meta.url));
const kinds = {
  'batch/v1/Job': () => import('kubernetes-models/batch/v1/Job'),
  'v1/PersistentVolumeClaim': () => import('kubernetes-models/v1/PersistentVolumeClaim'),
};

function checkWorkflow(file) {
  const run = spawnSync(process.execPath, [validator, file], { encoding: 'utf8' });
  return run.status === 0 ? [] : [(run.stdout + run.stderr).trim() || `the validator ended with ${run.status ?? run.signal}`];
}

async function checkObject(object) {
  const load = kinds[`${object?.apiVersion}/${object?.kind}`];
  if (load === undefined) {
    return [`${object?.apiVersion}/${object?.kind}: not one of ${Object.keys(kinds).join(', ')}`];
  }

  const Model = (await load())[object.kind];
  const problem = refusal(Model, object);
  return problem ? [problem] : unknownFields(Model, object);
}

function refusal(Model, object) {
  try {
    new Model(object).validate();
    return null;
  } catch (error) {
    return error.message;
  }
}

// The schema lets fields pass that it does not know, so misspelt ones too. A field that it knows has a type: a value of another type in its place is refused.
function unknownFields(Model, object) {
  const unknown = [];
  const visit = (node, path) => {
    for (const key of Object.keys(node)) {
      const value = node[key];
      const here = Array.isArray(node) ? `${path}[${key}]` : `${path}.${key}`;
      node[key] = value !== null && typeof value === 'object' ? 0.5 : { wrong: {} };
      if (refusal(Model, object) === null) {
        unknown.push(`${here.slice(1)}: the schema has no such field`);
      }

      node[key] = value;
      if (value !== null && typeof value === 'object') {
        visit(value, here);
      }
    }
  };
  visit(object, '');
  return unknown;
}

let failed = false;
for (const file of process.argv.slice(2)) {
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
    const object = document.errors.length > 0 ? null : document.toJS();
    const findings = object === null ? document.errors.map((error) => error.message) : object.jobs ? checkWorkflow(file) : await checkObject(object);
    for (const finding of findings) {
      failed = true;
      console.log(`${file}: ${finding}`);
    }
  }
}

process.exitCode = failed ? 1 : 0;
