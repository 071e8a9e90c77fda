// What surrounds a request: no double submit, rows that leave and return, errors in words, focus kept.
(() => {
  const FAILED = {
    400: "The server did not understand this. Reload the page and try again.",
    403: "You may not do this, or you were signed out. Reload the page to sign in again.",
    404: "This is no longer here. It may have been removed or given to another team.",
    409: "Somebody else was faster: this has changed since you opened it.",
    413: "This is too large to be sent.",
    422: "This was not accepted.",
    429: "That was too often. Wait a moment, then try again.",
    500: "Something went wrong on our side. Nothing was changed.",
    503: "The service is restarting. Try again in a moment.",
  };

  const reason = (xhr) => {
    const type = xhr.getResponseHeader("Content-Type") ?? "";
    const text = xhr.responseText?.trim() ?? "";
    if (type.startsWith("text/plain") && text && text.length < 400) return text;
    return FAILED[xhr.status] ?? (xhr.status >= 500 ? FAILED[500] : FAILED[400]);
  };
  const fail = (text) => window.toasts.show({ text, tone: "bad" });

  // --- busy line --------------------------------------------------------------------------------
  let running = 0;
  const busy = (step) => {
    running = Math.max(0, running + step);
    document.querySelector(".busy")?.classList.toggle("on", running > 0);
  };

  // --- an answer that comes after its form was replaced ----------------------------------------------
  // htmx speaks through the element that asked. Once that is out of the page (the next lead's detail came first),
  // nobody would hear what was done, nor be offered Undo: what it says is said again where it is heard.
  const SPOKEN = ["htmx:afterRequest", "htmx:responseError", "htmx:sendError", "htmx:timeout", "toast", "opportunity-assigned"];
  const say_again = (event) => {
    document.body.dispatchEvent(new CustomEvent(event.type, { detail: event.detail, bubbles: true }));
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, xhr } = event.detail;
    xhr.addEventListener("readystatechange", () => {
      if (xhr.readyState !== XMLHttpRequest.DONE || elt.isConnected) return;
      for (const name of SPOKEN) elt.getRootNode().addEventListener(name, say_again, { once: true });
    });
  });

  // --- rows that leave at once, and return when the server refuses --------------------------------
  const leaver = (element) => {
    const selector = element.closest("[data-leaves]")?.dataset.leaves;
    return selector ? (selector === "row" ? element.closest("[data-row]") : document.querySelector(selector)) : null;
  };
  const left = new WeakMap();
  // What acted on the row waits too: until the next detail is there, a second key would act on the old one.
  const hold = (element, held) => {
    const selector = element.closest("[data-leaves]").dataset.leaves;
    for (const actor of document.querySelectorAll(`[data-leaves="${CSS.escape(selector)}"]`)) actor.inert = held;
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    busy(1);
    // What only looks something up, such as a field that offers names, acts on nothing.
    const row = event.detail.requestConfig?.verb === "get" ? null : leaver(event.detail.elt);
    if (!row) return;
    const next = window.lists?.neighbour(row);
    row.classList.add("leaving");
    hold(event.detail.elt, true);
    left.set(event.detail.xhr, row);
    if (next) window.lists.select(next);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    busy(-1);
    const row = left.get(event.detail.xhr);
    if (!row) return;
    if (event.detail.successful) { // the last one has left: regions that show the list may fetch their empty state
      if (!window.lists?.neighbour(row)) document.body.dispatchEvent(new CustomEvent("list-emptied"));
      return;
    }
    row.classList.remove("leaving");
    hold(event.detail.elt, false);
    const item = row.matches("[data-item]") ? row : row.querySelector("[data-item]");
    if (item) window.lists?.select(item);
  });

  // --- errors in words ---------------------------------------------------------------------------
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname === document.body.dataset.login) {
      event.detail.shouldSwap = false;
      fail("You were signed out. Sign in in another window, then try again: what you typed is still here.");
      return;
    }
    const is_html = (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/html");
    if (xhr.status === 422 && is_html) { // a form with its errors takes the form's place
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:responseError", (event) => fail(reason(event.detail.xhr)));
  document.addEventListener("htmx:sendError", () => fail("No connection. Nothing was changed; try again when you are online."));
  document.addEventListener("htmx:timeout", () => fail("No answer in time. Reload to see whether it was done."));

  // --- blank filters stay out of the address -------------------------------------------------------
  document.addEventListener("htmx:configRequest", (event) => {
    const { verb, formData, parameters } = event.detail;
    if (verb !== "get") return;
    const sent = formData ?? parameters;
    for (const [name, value] of [...sent.entries()]) if (value === "") sent.delete(name);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "get" || form.hasAttribute("hx-get")) return;
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
    setTimeout(() => { for (const field of form.elements) field.disabled = false; });
  });

  // --- a form is sent once -------------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented && !form.matches("[hx-post],[hx-get],[hx-put],[hx-patch],[hx-delete]")) return;
    if (form.method === "get" || form.method === "dialog") return;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.setAttribute("aria-busy", "true");
    setTimeout(() => form.removeAttribute("aria-busy"), 10000); // a download leaves the page where it is
  }, true);
  const release = (form) => form?.removeAttribute?.("aria-busy");
  document.addEventListener("htmx:afterRequest", (event) => release(event.detail.elt.closest("form")));
  document.addEventListener("htmx:confirm", (event) => { if (event.detail.question) release(event.detail.elt.closest("form")); });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(release));

  // --- what comes too late ------------------------------------------------------------------------
  // Of what comes along out of band, a line that is not here (any more) is dropped.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.serverResponse?.includes("hx-swap-oob")) return;
    const answer = document.createElement("template");
    answer.innerHTML = event.detail.serverResponse;
    const homeless = [...answer.content.querySelectorAll("[id][hx-swap-oob]")].filter((one) => !document.getElementById(one.id));
    if (homeless.length === 0) return;
    homeless.forEach((one) => one.remove());
    event.detail.serverResponse = answer.innerHTML;
  });

  // --- focus survives a swap -----------------------------------------------------------------------
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const active = document.activeElement;
    const target = event.detail.target;
    if (!active || active === document.body || !target?.contains(active)) { kept = null; return; }
    kept = { id: active.id, name: active.getAttribute("name"), href: active.getAttribute("href"), key: active.dataset?.key, target: target.id };
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const region = document.getElementById(kept?.target ?? event.detail.target?.id) ?? event.detail.target;
    if (!region) return;
    const wanted = region.querySelector(".summary, [data-focus]"); // errors first, then what the server names
    const lost = !document.activeElement || document.activeElement === document.body;
    if (wanted && (kept || lost)) wanted.focus();
    else if (kept && lost) {
      const { id, name, href, key } = kept;
      const find = (selector) => region.querySelector(selector);
      const same = (id && document.getElementById(id)) || (name && find(`[name="${CSS.escape(name)}"]`))
        || (href && find(`[href="${CSS.escape(href)}"]`)) || (key && find(`[data-key="${CSS.escape(key)}"]`))
        || document.querySelector("[data-list] [data-item][aria-current=true]") || find("h1, h2, [tabindex]") || region;
      if (!same.matches("a, button, input, select, textarea, [tabindex]")) same.tabIndex = -1;
      same.focus({ preventScroll: true });
    }
    kept = null;
  });
})();
