// The condition builder: what is typed while its answer is on the way is carried over into the new rows.
(() => {
  const builder = (event) => event.detail.target?.querySelector?.(":scope > .condition") && event.detail.target;
  const inputs = (region) => [...region.querySelectorAll(":is(input, select, textarea)[id]")];
  let sent = new Map(), typed = new Map();

  document.addEventListener("htmx:beforeRequest", (event) => {
    const region = builder(event);
    if (region) sent = new Map(inputs(region).map((input) => [input.id, input.value]));
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    typed = new Map();
    const region = builder(event);
    // Removing a row renumbers those behind it, so that an id means another row.
    if (!region || event.detail.requestConfig?.elt?.value?.startsWith?.("remove:")) return;
    for (const input of inputs(region)) {
      if (sent.has(input.id) && input.value !== sent.get(input.id)) typed.set(input.id, input.value);
    }
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, value] of typed) {
      const input = document.getElementById(id);
      if (!input) continue;
      input.value = value;
      if (input.tagName === "SELECT") input.dispatchEvent(new Event("change", { bubbles: true })); // its row follows
    }
    typed = new Map();
  });
})();
