document.documentElement.classList.add("js");
addEventListener("DOMContentLoaded", () => {
  const filters = [...document.querySelectorAll("[data-filters]")].map((box) => {
    const list = document.getElementById(box.dataset.filters);
    const [search, select, count] = ["input", "select", "output"].map((tag) => box.querySelector(tag));
    const rows = [...list.querySelectorAll("tr[data-w]")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const folds = [...list.querySelectorAll("details")].map((fold) => ({ fold, open: fold.open }));
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const asked = words.length > 0 || select.value !== "";
      let shown = 0;
      rows.forEach((row, i) => {
        const fits = [select.value === "" || row.dataset.w.split("|").includes(select.value), words.every((word) => texts[i].includes(word))];
        row.hidden = fits.includes(false);
        shown += row.hidden ? 0 : 1;
      });
      for (const { fold, open } of folds) {
        fold.hidden = fold.querySelector("tr[data-w]:not([hidden])") === null;
        fold.open = asked ? !fold.hidden : open;
      }
      count.textContent = shown === rows.length ? `all ${shown}` : `${shown} of ${rows.length}`;
    };
    search.addEventListener("input", apply);
    select.addEventListener("change", apply);
    const reset = () => { search.value = ""; select.value = ""; apply(); };
    apply();
    return { list, reset };
  });
  // What a link leads to is shown, whatever was filtered or folded away.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target === null) return;
    if (target.closest("[hidden]") !== null) filters.find((f) => f.list.contains(target))?.reset();
    for (let at = target.closest("details"); at !== null; at = at.parentElement.closest("details")) at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash.length > 1) reveal();
});
