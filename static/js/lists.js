// Lists and keys. A [data-list] holds [data-item] links; j and k move, Enter opens as any link does.
// [data-list="follow"] loads the detail beside it while moving. Any [data-key="x"] is pressed by x.
window.lists = (() => {
  const NARROW = matchMedia("(max-width: 900px)");
  const visible = (element) => element.getClientRects().length > 0;
  const items = (list) => [...list.querySelectorAll("[data-item]")].filter(visible);
  const list_here = () => document.activeElement?.closest?.("[data-list]") ?? [...document.querySelectorAll("[data-list]")].find(visible);
  const current = (list) => {
    const all = items(list);
    return all.find((item) => item === document.activeElement || item.closest("[data-row]")?.contains(document.activeElement))
      ?? all.find((item) => item.getAttribute("aria-current") === "true");
  };

  const select = (item) => {
    const list = item.closest("[data-list]");
    for (const other of list.querySelectorAll("[data-item][aria-current=true]")) other.removeAttribute("aria-current");
    item.focus();
    item.scrollIntoView({ block: "nearest" });
    if (list.dataset.list !== "follow") return;
    item.setAttribute("aria-current", "true");
    clearTimeout(list.timer); // holding j runs through the list and loads only where it stops
    list.timer = setTimeout(() => item.isConnected && item.click(), 120);
  };
  // Of two details on their way the later one counts, whichever answer comes first.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const list = event.target.matches("[data-item]") && event.target.closest("[data-list=follow]");
    if (!list) return;
    if (NARROW.matches) { // no room beside the list: the detail is a page of its own
      event.preventDefault();
      location.assign(event.target.href);
      return;
    }
    list.loading = event.target;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const asked = event.detail.requestConfig?.elt;
    const list = asked?.matches?.("[data-item]") && asked.closest("[data-list=follow]");
    if (list && list.loading !== asked) event.detail.shouldSwap = false;
  });
  const neighbour = (row) => {
    const item = row.matches("[data-item]") ? row : row.querySelector("[data-item]");
    const list = item?.closest("[data-list]");
    if (!list) return null;
    const all = [...list.querySelectorAll("[data-item]")]; // the row itself may have left already
    const place = all.indexOf(item);
    return all.slice(place + 1).find(visible) ?? all.slice(0, Math.max(place, 0)).reverse().find(visible) ?? null;
  };
  const move = (step) => {
    const list = list_here();
    if (!list) return false;
    const all = items(list);
    const place = all.indexOf(current(list));
    const item = place < 0 ? all[0] : all[place + step];
    if (item) select(item);
    return true;
  };

  // A click anywhere on a row opens its link, except on what can be pressed itself or while text is selected.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (!row || event.defaultPrevented || event.button || event.target.closest("a, button, input, select, textarea, label, summary, time")) return;
    if (String(getSelection())) return;
    const link = row.querySelector("[data-item]") ?? row.querySelector("a[href]");
    if (event.metaKey || event.ctrlKey) window.open(link.href, "_blank", "noopener");
    else link?.click();
  });
  document.addEventListener("click", (event) => {
    const item = event.target.closest("[data-list=follow] [data-item]");
    if (!item || event.metaKey || event.ctrlKey) return;
    for (const other of item.closest("[data-list]").querySelectorAll("[data-item]")) {
      if (other === item) other.setAttribute("aria-current", "true"); else other.removeAttribute("aria-current");
    }
  });

  // --- keys ----------------------------------------------------------------------------------------
  const typing = (element) => element?.closest?.("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), select, textarea, [contenteditable]");
  const enabled = () => { try { return localStorage.getItem("keys") !== "off"; } catch { return true; } };
  const press = (key) => {
    const scope = document.querySelector("dialog[open]") ?? document;
    const button = [...scope.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find((one) => visible(one) && !one.closest("[inert]"));
    if (!button || button.disabled) return false;
    if (button.matches("input, select, textarea")) { button.focus(); button.select?.(); } else button.click();
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape" && event.target.matches("[type=search]")) event.target.blur();
      return;
    }
    if (!enabled()) return;
    const dialog = document.querySelector("dialog[open]");
    let done = false;
    if (!dialog && (event.key === "j" || event.key === "k")) done = move(event.key === "j" ? 1 : -1);
    else if (!dialog && event.key === "/") {
      const search = [...document.querySelectorAll("input[type=search]")].find(visible);
      if (search) { search.focus(); search.select(); done = true; }
    } else if (!dialog && event.key === "?") { document.getElementById("shortcuts")?.showModal(); done = true; }
    else if (!dialog && event.key === "x") {
      const list = list_here();
      const box = (list && current(list))?.closest("[data-row]")?.querySelector("input[type=checkbox]");
      if (box) { box.click(); done = true; }
    }
    if (!done && event.key.length === 1) done = press(event.key);
    if (done) event.preventDefault();
  });
  return { select, neighbour };
})();
