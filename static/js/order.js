// Order by drag and by arrow keys: a [data-order] of [data-order-item], each with a [data-grip] and a [data-move] form
// that takes `to` (a place, 1 the first) or `step` (up, down). Escape puts the row back.
(() => {
  const row_of = (element) => element.closest("[data-order-item]");
  const form_of = (row) => row.querySelector("[data-move]");
  const rows = (list) => [...list.querySelectorAll(":scope > [data-order-item]")];
  let drag = null;

  const put_back = ({ row, list, next }) => list.insertBefore(row, next);
  const end = () => {
    drag.row.classList.remove("dragged");
    const ended = drag;
    drag = null;
    return ended;
  };

  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip || event.button) return;
    const row = row_of(grip), list = row.parentElement;
    drag = { grip, row, list, next: row.nextElementSibling, start: rows(list).indexOf(row), y: event.clientY, moved: false };
    grip.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || (!drag.moved && Math.abs(event.clientY - drag.y) < 4)) return;
    drag.moved = true;
    drag.row.classList.add("dragged");
    const middle = (row) => { const box = row.getBoundingClientRect(); return box.top + box.height / 2; };
    const others = rows(drag.list).filter((row) => row !== drag.row);
    const before = others.find((row) => event.clientY < middle(row)) ?? null;
    if (before !== drag.row.nextElementSibling) {
      drag.list.insertBefore(drag.row, before);
      drag.grip.setPointerCapture(event.pointerId); // moving the row in the page lets go of it
    }
  });
  document.addEventListener("pointerup", () => {
    if (!drag) return;
    const ended = end(), place = rows(ended.list).indexOf(ended.row);
    if (!ended.moved || place === ended.start) return;
    const form = form_of(ended.row);
    form.elements.to.value = place + 1;
    form.addEventListener("htmx:afterRequest", (event) => { if (!event.detail.successful) put_back(ended); }, { once: true });
    form.requestSubmit();
  });
  document.addEventListener("pointercancel", () => { if (drag) put_back(end()); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) { put_back(end()); return; }
    const grip = event.target.closest?.("[data-grip]");
    const step = { ArrowUp: "up", ArrowDown: "down" }[event.key];
    if (!grip || !step) return;
    event.preventDefault();
    const button = form_of(row_of(grip)).querySelector(`[value="${step}"]`);
    if (button.getAttribute("aria-disabled") !== "true") button.click(); // htmx names the button that was clicked
  });
  // What arrives late must not move the rows under the pointer; after the drop the list is fetched anew.
  document.addEventListener("htmx:oobBeforeSwap", (event) => { if (drag) event.detail.shouldSwap = false; });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-move] [aria-disabled=true]")) event.preventDefault();
  }, true);
})();
