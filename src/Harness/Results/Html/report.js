document.documentElement.classList.add("js");
addEventListener("DOMContentLoaded", () => {
  const filters = [...document.querySelectorAll("[data-filters]")].map((box) => {
    const table = document.getElementById(box.dataset.filters);
    const [search, select, count] = ["input", "select", "output"].map((tag) => box.querySelector(tag));
    const rows = [...table.querySelectorAll("tr[data-w]")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        const fits = [select.value === "" || row.dataset.w.split("|").includes(select.value), words.every((word) => texts[i].includes(word))];
        row.hidden = fits.includes(false);
        shown += row.hidden ? 0 : 1;
      });
      for (const body of table.tBodies) body.hidden = body.querySelector("tr[data-w]:not([hidden])") === null;
      count.textContent = shown === rows.length ? `all ${shown} shown` : `${shown} of ${rows.length} shown`;
    };
    search.addEventListener("input", apply);
    select.addEventListener("change", apply);
    const reset = () => { search.value = ""; select.value = ""; apply(); };
    apply();
    return { table, reset };
  });
  // What a link leads to is shown, whatever was filtered or closed.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target === null) return;
    const closed = target.closest("[hidden]");
    if (closed !== null) filters.find((f) => f.table.contains(target))?.reset();
    for (let at = target.closest("details"); at !== null; at = at.parentElement.closest("details")) at.open = true;
    if (closed !== null) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash.length > 1) reveal();
});
