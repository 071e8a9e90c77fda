// Dialogs, appearance, relative times, guarded forms, boxes that select many.
(() => {
  // --- dialogs: a [data-dialog="id"] opens it; Escape, the veil and [data-close] close it -------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
        dialog.querySelector("form select, form input:not([type=hidden]), form textarea")?.focus();
      }
      return;
    }
    const closer = event.target.closest("dialog [data-close]");
    if (closer) closer.closest("dialog").close();
    else if (event.target.matches("dialog[open]")) event.target.close();
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.activeElement?.closest?.("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const dialog = event.detail.elt.closest("dialog");
    if (!dialog || !event.detail.successful || event.detail.requestConfig?.verb === "get") return;
    dialog.close();
    // Where the row that had the focus has left, the keys go on from the next one, which was selected behind the dialog.
    if (!document.activeElement || document.activeElement === document.body) {
      document.querySelector("[data-list] [data-item][aria-current=true]")?.focus({ preventScroll: true });
    }
  });

  // hx-confirm and data-confirm ask in our own dialog.
  const ask = (question, confirm_label, proceed) => {
    const dialog = document.getElementById("confirm");
    dialog.querySelector("[data-question]").textContent = question;
    const yes = dialog.querySelector("[data-yes]");
    yes.textContent = confirm_label || "Yes, do it";
    yes.onclick = () => { dialog.close(); proceed(); };
    dialog.showModal();
    dialog.querySelector("[data-close]").focus();
  };
  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.detail.elt.dataset.confirmLabel, () => event.detail.issueRequest(true));
  });
  const confirmed = new WeakSet();
  window.addEventListener("submit", (event) => {
    const form = event.target;
    const question = form.dataset.confirm;
    if (!question || confirmed.has(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(question, form.dataset.confirmLabel, () => { confirmed.add(form); form.requestSubmit(event.submitter); });
  }, true);

  // --- appearance -----------------------------------------------------------------------------------
  const remember = (name, value) => { try { if (value) localStorage.setItem(name, value); else localStorage.removeItem(name); } catch { /* not remembered */ } };
  const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const ready = () => {
    const theme = document.querySelector("[data-theme-choice]");
    if (theme) {
      theme.value = remembered("theme") ?? "";
      theme.addEventListener("change", () => {
        remember("theme", theme.value);
        if (theme.value) document.documentElement.dataset.theme = theme.value; else delete document.documentElement.dataset.theme;
        document.dispatchEvent(new CustomEvent("theme-changed"));
      });
    }
    const keys = document.querySelector("[data-keys-choice]");
    if (keys) {
      keys.checked = remembered("keys") !== "off";
      keys.addEventListener("change", () => remember("keys", keys.checked ? "" : "off"));
    }
    document.querySelector(".summary")?.focus();
    const here = document.querySelector(".side [aria-current]");
    const side = here?.closest(".side"); // scrolled by itself: scrollIntoView would move the page as well
    if (side) side.scrollTop += Math.max(0, here.getBoundingClientRect().bottom - side.getBoundingClientRect().bottom);
  };

  // --- relative times: as the server writes them, kept fresh ------------------------------------------
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const age = (seconds) => {
    const past = Math.abs(seconds);
    if (past < MINUTE) return seconds < 0 ? "in a moment" : "just now";
    if (past >= DAY) return null;
    const rounded = past < HOUR ? `${Math.floor(past / MINUTE)} min` : `${Math.floor(past / HOUR)} h`;
    return seconds < 0 ? `in ${rounded}` : rounded;
  };
  const refresh = () => {
    for (const time of document.querySelectorAll("time[data-age]")) {
      const text = age((Date.now() - Date.parse(time.dateTime)) / 1000) ?? time.dataset.age;
      const shown = text.match(/^\d+ (min|h)$/) && time.dataset.ago !== undefined ? `${text} ago` : text;
      if (time.textContent !== shown) time.textContent = shown;
    }
  };
  setInterval(refresh, 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

  // --- guarded forms: what was typed is not lost by a wrong click ---------------------------------------
  const dirty = new Set();
  document.addEventListener("input", (event) => { const form = event.target.closest("form[data-guard]"); if (form) dirty.add(form); });
  document.addEventListener("submit", (event) => dirty.delete(event.target));
  window.addEventListener("beforeunload", (event) => {
    if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
  });

  // --- select many: [data-all] ticks the boxes of its [data-many]; [data-count] says how many ------------
  const count = (group) => {
    const boxes = [...group.querySelectorAll("input[type=checkbox][name]")];
    const ticked = boxes.filter((box) => box.checked).length;
    for (const element of group.querySelectorAll("[data-count]")) element.textContent = ticked;
    for (const element of group.querySelectorAll("[data-when-many]")) element.hidden = ticked === 0;
    const all = group.querySelector("[data-all]");
    if (all) { all.checked = ticked > 0 && ticked === boxes.length; all.indeterminate = ticked > 0 && ticked < boxes.length; }
  };
  document.addEventListener("change", (event) => {
    const group = event.target.closest("[data-many]");
    if (!group || event.target.type !== "checkbox") return;
    if (event.target.matches("[data-all]")) {
      for (const box of group.querySelectorAll("input[type=checkbox][name]")) box.checked = event.target.checked;
    }
    count(group);
  });
  // --- another row of a formset ------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const prefix = event.target.closest("[data-add-row]")?.dataset.addRow;
    if (!prefix) return;
    const total = document.getElementById(`id_${prefix}-TOTAL_FORMS`);
    const row = document.getElementById(`row-${prefix}`).content.querySelector("tr").cloneNode(true);
    row.innerHTML = row.innerHTML.replaceAll("__prefix__", total.value);
    total.value = Number(total.value) + 1;
    document.querySelector(`[data-rows="${prefix}"]`).append(row);
    row.querySelector("input").focus();
  });
  // A filter that changes sends its form where htmx does not.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-send-on-change]");
    if (form && !form.hasAttribute("hx-get")) form.requestSubmit();
  });
  document.addEventListener("htmx:load", (event) => { refresh(); event.target.querySelectorAll?.("[data-many]").forEach(count); });
  document.addEventListener("DOMContentLoaded", () => { ready(); refresh(); document.querySelectorAll("[data-many]").forEach(count); });
})();
