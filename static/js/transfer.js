// Of the terms of a transfer only those that belong to what is chosen are shown. Without scripts all are there.
(() => {
  const show = (form) => {
    const kind = form.querySelector("input[name=kind]:checked")?.value;
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-transfer]");
    if (form) show(form);
  });
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-transfer]").forEach(show));
})();
