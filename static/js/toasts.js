// Toasts: short answers to what was just done. The server sends them in the page, or with the
// HX-Trigger event "toast" {text, tone, undo}. They wait while they are pointed at or hold the focus.
window.toasts = (() => {
  const SHOWN_MS = { good: 6000, "": 6000, warn: 12000 };
  const UNDO_MS = 12000;

  const watch = (toast) => {
    const undo = toast.querySelector("form");
    const shown_ms = undo ? UNDO_MS : SHOWN_MS[toast.dataset.tone ?? ""];
    let timer = 0;
    const stop = () => clearTimeout(timer);
    // An error stays until it is closed: it may hold the only account of what went wrong.
    const start = () => { stop(); if (shown_ms) timer = setTimeout(() => toast.remove(), shown_ms); };
    toast.addEventListener("pointerenter", stop);
    toast.addEventListener("pointerleave", start);
    toast.addEventListener("focusin", stop);
    toast.addEventListener("focusout", start);
    toast.querySelector("[data-close]")?.addEventListener("click", () => toast.remove());
    undo?.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) toast.remove(); });
    start();
  };

  const show = ({ text, tone = "good", undo = "" }) => {
    const template = document.getElementById(undo ? "toast-undo" : "toast-plain");
    const region = document.getElementById("toasts");
    if (!template || !region) return;
    for (const other of region.querySelectorAll(".toast")) {
      if (other.querySelector("p").textContent === text && !undo) other.remove();
    }
    const toast = template.content.firstElementChild.cloneNode(true);
    if (tone) toast.classList.add(tone);
    toast.dataset.tone = tone;
    toast.querySelector("p").textContent = text;
    if (undo) {
      const form = toast.querySelector("form");
      form.action = undo;
      form.setAttribute("hx-post", undo);
      window.htmx?.process(form);
    }
    if (tone === "bad") toast.setAttribute("role", "alert");
    region.append(toast);
    watch(toast);
  };

  document.addEventListener("toast", (event) => show(event.detail));
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".toast").forEach(watch));
  return { show };
})();
