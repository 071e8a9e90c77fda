// Of the terms of a transfer or a departure only those that belong to what is chosen are shown. Without scripts all are there.
(() => {
  const show = (form) => {
    const chosen = (name) => form.querySelector(`input[name="${name}"]:checked`)?.value;
    for (const part of form.querySelectorAll("[data-for]")) {
      const kinds = part.dataset.for.split(" ");
      part.hidden = !(part.dataset.of ?? "kind").split(" ").some((name) => kinds.includes(chosen(name)));
    }
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-transfer]");
    if (form) show(form);
  });
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-transfer]").forEach(show));
})();
