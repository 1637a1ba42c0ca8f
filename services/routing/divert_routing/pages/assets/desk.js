// One keyboard: a key presses the button that shows it. Nothing moves in the list while somebody acts on it.
"use strict";

(() => {
  const TYPED = "input:not([type=hidden]), textarea, select";
  const NOTICE_STAYS = 12000;
  const dialog = document.getElementById("dialog");
  const act = document.getElementById("act");
  let noticeGoes;
  let leaving = false; // a page is on its way: what is typed meanwhile is meant for it, not for this one
  let early = null; // keys pressed while a dialog is being fetched: nobody's hands wait for it

  function pressable(key) {
    const within = dialog && dialog.open ? dialog : document;
    const found = [...within.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(
      (one) => !one.disabled && one.getClientRects().length,
    );
    // What the page asks now comes before what the bar always offers.
    return found.find((one) => !one.closest("header")) || found[0];
  }

  function rows() {
    return [...document.querySelectorAll("#queue a[data-call]")];
  }

  function step(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((one) => one.getAttribute("aria-current") === "true");
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
    next.focus();
    next.click();
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const target = event.target;
    if (event.key === "Enter" && target.matches("[data-enter]") && !event.shiftKey) {
      event.preventDefault();
      target.form.requestSubmit(document.getElementById("start") || undefined);
      return;
    }
    if (target.matches(TYPED)) {
      // Out of the field, so that the next key is an order again.
      if (event.key === "Escape" && !(dialog && dialog.open)) target.blur();
      return;
    }
    const key = event.key.toLowerCase();
    if (leaving) {
      event.preventDefault();
      return;
    }
    if (early) {
      event.preventDefault();
      early.push(key);
      return;
    }
    if (key === "enter" && target.matches("a, button")) return;
    if (!(dialog && dialog.open) && (key === "j" || key === "arrowdown" || key === "k" || key === "arrowup")) {
      if (rows().length) {
        event.preventDefault();
        step(key === "j" || key === "arrowdown" ? 1 : -1);
      }
      return;
    }
    if (press(key)) event.preventDefault();
  });

  function press(key) {
    const one = pressable(key);
    if (!one) return false;
    if (one.getAttribute("hx-target") === "#act") early = [];
    leaving = one.matches("a[href]:not([hx-get])");
    one.click();
    return true;
  }

  window.addEventListener("pageshow", () => (leaving = false));

  // The list keeps its order while the pointer or the focus is in it.
  const queue = () => document.getElementById("queue");
  const keep = document.getElementById("keep");
  let pointed = false;

  function acting() {
    const list = queue();
    return list && (pointed || list.contains(document.activeElement));
  }

  function hold() {
    if (keep) keep.value = acting() ? [...queue().querySelectorAll("li[id]")].map((one) => one.id).join(",") : "";
  }

  document.addEventListener("pointerover", (event) => {
    pointed = Boolean(event.target.closest && event.target.closest("#queue"));
  });
  document.addEventListener("pointerleave", () => (pointed = false));
  document.addEventListener("htmx:config:request", (event) => {
    hold();
    const { ctx } = event.detail;
    if (keep && ctx.sourceElement.id === "queue") ctx.request.body.set("keep", keep.value);
  });

  document.addEventListener("click", (event) => {
    const row = event.target.closest("#queue a[data-call]");
    if (row && !(event.ctrlKey || event.metaKey)) {
      for (const one of rows()) one.removeAttribute("aria-current");
      row.setAttribute("aria-current", "true");
      document.getElementById("chosen").value = row.dataset.call;
      history.replaceState(null, "", row.getAttribute("href"));
    }
    if (event.target.closest("[data-close]")) dialog.close();
  });

  // What is new is said, not shouted: once, for those who cannot see the list.
  const known = new Set([...document.querySelectorAll("#queue li[id]")].map((one) => one.id));

  function announce() {
    const list = queue();
    if (!list) return;
    const fresh = [...list.querySelectorAll("li[data-say]")].filter((one) => !known.has(one.id));
    for (const one of fresh) known.add(one.id);
    if (fresh.length) document.getElementById("announced").textContent = fresh.map((one) => `New: ${one.dataset.say}`).join(". ");
    const count = list.querySelectorAll("li[data-say]").length;
    document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : "");
  }

  function again() {
    for (const id of ["queue", "call"]) {
      const part = document.getElementById(id);
      if (part) htmx.trigger(part, "refresh");
    }
  }

  function tell(text, wrong) {
    const notice = document.getElementById("notice");
    const line = document.createElement("p");
    line.className = wrong ? "wrong" : "done";
    line.dataset.told = "";
    line.textContent = text;
    notice.replaceChildren(line);
    clearTimeout(noticeGoes);
    noticeGoes = setTimeout(() => notice.replaceChildren(), NOTICE_STAYS);
  }

  function look() {
    const done = document.querySelector("#act-notice .done");
    if (done) {
      tell(done.textContent, false);
      act.replaceChildren();
      dialog.close();
      again();
    }
    const said = document.querySelector("#notice p:not([data-told])");
    if (said) {
      tell(said.textContent, said.classList.contains("wrong"));
      again();
    }
    if (act && act.childElementCount && !dialog.open) {
      dialog.showModal();
      const first = act.querySelector("[autofocus]");
      if (first) first.focus();
      const keys = early || [];
      early = null;
      for (const key of keys) press(key);
    }
    const wanted = document.querySelector("[data-focus]");
    if (wanted) {
      wanted.removeAttribute("data-focus");
      wanted.focus();
    }
    announce();
  }

  if (dialog) dialog.addEventListener("close", () => act.replaceChildren());
  document.addEventListener("htmx:finally:request", (event) => {
    if (event.detail.ctx.target === act) early = null;
  });
  document.addEventListener("htmx:error", (event) => {
    const { ctx } = event.detail;
    if (ctx && ctx.request && ctx.request.method === "POST") {
      tell("No answer. It is not known whether it was done: look at the call before you do it again.", true);
    }
  });
  // What was ordered in a session that is over stays as it was typed, to be ordered again after signing in elsewhere.
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.request.method !== "POST" || !ctx.response || ctx.response.status !== 401) return;
    clearTimeout(noticeGoes);
    const place = document.getElementById(dialog && dialog.open ? "act-notice" : "notice");
    place.replaceChildren(document.getElementById("signed-out").content.cloneNode(true));
  });
  // What was typed is not lost by a key pressed at the wrong moment.
  const entry = document.getElementById("entry");
  let sent = false;
  if (entry) {
    document.addEventListener("htmx:before:response", (event) => {
      sent ||= event.detail.ctx.response.headers.has("hx-redirect");
    });
    window.addEventListener("beforeunload", (event) => {
      const typed = [...entry.querySelectorAll("input:not([type=hidden]), textarea")].some((one) => one.value.trim());
      if (typed && !sent) event.preventDefault();
    });
  }
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
})();
