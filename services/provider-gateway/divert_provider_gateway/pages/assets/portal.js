// What the portal does in the browser. Every tap is a form; this script keeps each one on the device until the server
// has answered, sends it once under a key of its own, and shows the next step meanwhile. Nothing else is kept.
"use strict";

(() => {
  const KEPT = "divert.tap.";
  const LAST = "divert.last-case";
  const SOUND = "divert.sound";
  const HOLD_MS = 1000;
  const SHOWN_AFTER_MS = 1500;
  const SEND_MS = 8000;
  const WAITS_MS = [1000, 2000, 4000, 8000];
  const NEAR_MS = 15000;
  const URGENT = ["emergency", "backup"];
  const SAFETY = [...URGENT, "on-scene", "safety-check", "backup-arrived", "confirm-recall", "hand-back", "safety-event"];
  const WORK = ["en-route", "on-scene", "contacted", "safety-check"];
  const AGAIN_MS = 5000;
  const SHIFT_MS = 12 * 3600 * 1000;
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // What waits to be sent: one entry of the device's storage a tap, so that two tabs do not overwrite each other.
  const unstored = new Map();
  let stores = true;

  function keep(tap) {
    try {
      localStorage.setItem(KEPT + tap.key, JSON.stringify(tap));
    } catch {
      stores = false;
      unstored.set(tap.key, tap);
    }
  }

  function drop(key) {
    unstored.delete(key);
    try {
      localStorage.removeItem(KEPT + key);
    } catch {
      stores = false;
    }
  }

  function taps() {
    const found = [...unstored.values()];
    try {
      for (let i = 0; i < localStorage.length; i += 1) {
        const name = localStorage.key(i);
        if (name.startsWith(KEPT)) found.push(JSON.parse(localStorage.getItem(name)));
      }
    } catch {
      stores = false;
    }
    return found.sort((one, other) => one.at - other.at || (one.key < other.key ? -1 : 1));
  }

  function remembered(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  function remember(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      stores = false;
    }
  }

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // Sending: urgent taps overtake, all others go in the order in which they were tapped. Only when the server would not
  // take an ordinary one now do the safety reports behind it go first: those it takes from a session that is over too.
  const lanes = { urgent: { busy: false, failed: 0, timer: 0 }, plain: { busy: false, failed: 0, timer: 0 } };
  const laneOf = (tap) => (URGENT.includes(tap.verb) ? "urgent" : "plain");

  function enqueue(form, submitter) {
    const body = new URLSearchParams(new FormData(form, submitter));
    body.set("said_at", new Date(divertNow()).toISOString());
    const path = new URL(form.action).pathname;
    const tap = {
      key: newKey(),
      path,
      verb: form.dataset.verb,
      case: path.split("/")[2],
      body: body.toString(),
      at: Date.now(),
    };
    keep(tap);
    if (WORK.includes(tap.verb)) worksOn(tap.case);
    show();
    drain(laneOf(tap));
    return tap;
  }

  async function drain(name) {
    const lane = lanes[name];
    if (lane.busy) return;
    lane.busy = true;
    clearTimeout(lane.timer);
    let fits = () => true;
    try {
      for (let tap = first(name); tap; tap = first(name, fits)) {
        const answer = await sent(tap);
        if (answer === DONE) {
          lane.failed = 0;
          drop(tap.key);
          poke();
        } else if (answer === NOT_NOW && !safe(tap)) {
          fits = safe;
        } else {
          break;
        }
      }
      if (first(name)) {
        const wait = WAITS_MS[Math.min(lane.failed, WAITS_MS.length - 1)];
        lane.failed += 1;
        lane.timer = setTimeout(() => drain(name), wait);
      }
    } finally {
      lane.busy = false;
      show();
    }
  }

  function first(name, fits = () => true) {
    return taps().find((tap) => laneOf(tap) === name && fits(tap));
  }

  // What came of a tap: the server has taken it or refused it for good; it would not take it now; nothing was heard.
  const [DONE, NOT_NOW, UNHEARD] = ["done", "not now", "unheard"];
  const safe = (tap) => SAFETY.includes(tap.verb);

  async function sent(tap) {
    let response;
    try {
      response = await fetch(tap.path, {
        method: "POST",
        headers: {
          accept: "application/json",
          "content-type": "application/x-www-form-urlencoded",
          "idempotency-key": tap.key,
        },
        body: tap.body,
        credentials: "same-origin",
        signal: AbortSignal.timeout(SEND_MS),
      });
    } catch {
      return UNHEARD;
    }
    if (response.ok) {
      if (tap.verb === "emergency") helped = true;
      taken.push({ ...tap, answered: performance.now() });
      return DONE;
    }
    if (response.status >= 500 || [401, 408, 425, 429].includes(response.status)) return NOT_NOW;
    const problem = await response.json().catch(() => ({}));
    refused(problem.detail);
    return DONE;
  }

  function refused(detail) {
    const bar = find("#refused");
    find("p", bar).textContent = bar.dataset.says.replace("{why}", detail || bar.dataset.other);
    bar.hidden = false;
  }

  function poke() {
    const live = find("#live");
    if (live) htmx.trigger(live, "said");
  }

  function tryAgain() {
    for (const name of Object.keys(lanes)) {
      lanes[name].failed = 0;
      if (first(name)) drain(name);
    }
  }

  // What the server has taken counts as said until a page that was asked for after that answer is shown: a connection
  // that breaks in between would show the step before it again.
  let taken = [];
  const askedAt = new WeakMap();

  function caughtUp(ctx) {
    if (ctx?.sourceElement?.id !== "live" || !divertTold(ctx.response)) return;
    taken = taken.filter((tap) => tap.answered >= askedAt.get(ctx));
  }

  // What is shown while something waits: the step after it.
  const wanted = new Map();
  let helped = false;

  function show() {
    const waiting = taps();
    const queue = find("#queue");
    const old = waiting.filter((tap) => !navigator.onLine || Date.now() - tap.at > SHOWN_AFTER_MS);
    queue.hidden = old.length === 0;
    const says = waiting.length === 1 ? queue.dataset.one : queue.dataset.many.replace("{n}", waiting.length);
    if (old.length) find("span", queue).textContent = stores ? says : `${says}. ${queue.dataset.unstored}`;
    const tapped = [...taken, ...waiting];
    for (const article of all("article.case")) {
      step(article, tapped.filter((tap) => tap.case === article.dataset.case).map((tap) => tap.verb));
    }
    for (const recall of all(".recall")) {
      const said = tapped.some((tap) => tap.verb === "confirm-recall" && recall.id.endsWith(tap.case));
      find(".answers", recall).hidden = said;
      find(".pending", recall).hidden = !said;
    }
    aim(waiting);
  }

  function step(article, said) {
    const act = find(".act", article);
    if (!act) return;
    const steps = article.dataset.steps.split(" ").filter(Boolean);
    const ended = ["close", "hand-back", "acknowledge", "decline"].find((verb) => said.includes(verb));
    const reached = Math.max(-1, ...said.map((verb) => steps.indexOf(verb)));
    const next = wanted.get(article.dataset.case) ?? steps[reached + 1] ?? "answer";
    for (const panel of all("[data-panel]", act)) panel.hidden = Boolean(ended) || panel.dataset.panel !== next;
    for (const one of all("[data-pending]", act)) one.hidden = one.dataset.pending !== ended;
    for (const one of all("[data-unless]", act)) one.hidden = steps.indexOf(one.dataset.unless) <= reached;
    for (const one of all(".others", act)) one.hidden = Boolean(ended);
    for (const one of all("[data-show]", act)) one.hidden = next === one.dataset.show;
    const contact = find(".if-no-contact", act);
    if (contact) contact.hidden = contact.disabled = article.dataset.contact !== "none" || said.includes("contacted");
    for (const button of all(".ask button", article)) {
      const asked = said.includes("question") && taps().some((tap) => tap.body.includes(`question=${button.value}&`));
      button.classList.toggle("waiting", asked);
    }
  }

  // A team may need help after its case has ended: its device remembers for a shift the last one that was its own, or on
  // which it said that it works. That comes before a case that was recalled without a team: nobody knows who went there.
  function worksOn(id) {
    const team = find("#aim")?.dataset.team;
    if (team) remember(LAST, JSON.stringify({ case: id, team, at: Date.now() }));
  }

  function helpAbout() {
    const { case: current, team, own, unsure } = find("#aim").dataset;
    if (own !== undefined) worksOn(current);
    if (!team || (current && unsure === undefined)) return current;
    const last = JSON.parse(remembered(LAST) ?? "{}");
    return last.team === team && Date.now() - last.at < SHIFT_MS ? last.case : current;
  }

  function aim(waiting) {
    const bar = find("#bar");
    if (!bar) return;
    const about = helpAbout();
    find("#emergency").hidden = find("#backup").hidden = !about;
    find("#no-case").hidden = Boolean(about);
    for (const form of [find("#emergency"), find("#backup form")]) form.action = `/cases/${about}/${form.dataset.verb}`;
    const button = find("#emergency button");
    const pending = waiting.filter((tap) => tap.verb === "emergency");
    const late = pending.some((tap) => Date.now() - tap.at > SHOWN_AFTER_MS);
    button.classList.toggle("pending", pending.length > 0);
    if (pending.length) label(late ? "unsent" : "sending");
    else if (helped) label("sent");
  }

  function label(name) {
    const small = find("#emergency small");
    small.dataset.plain ??= small.textContent;
    small.textContent = name ? find("#emergency button").dataset[name] : small.dataset.plain;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.verb) return;
    event.preventDefault();
    if (form.id === "emergency") return;
    enqueue(form, event.submitter);
    wanted.delete(form.dataset.case);
    if (form.dataset.verb === "note") form.reset();
    form.closest("details:not([id^=ask])")?.removeAttribute("open");
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("button, summary, a");
    if (!target) return;
    if (target.dataset.show) {
      const article = target.closest("article");
      wanted.set(article.dataset.case, target.dataset.show);
      target.closest("details").removeAttribute("open");
      find(".close-it", article).open = true;
      show();
    } else if (target.classList.contains("far")) {
      tellDistance(target);
    } else if (target.closest("#refused")) {
      find("#refused").hidden = true;
    } else if (target.id === "sound") {
      remember(SOUND, sounds() ? "off" : "on");
      tellSound();
      beep([660]);
    }
  });

  // The emergency is held for a second, so that a pocket does not send it. Whoever cannot hold presses twice.
  function watchEmergency() {
    const button = find("#emergency button");
    if (!button) return;
    let timer = 0;
    let byKey = false;
    let pressed = 0;

    function begin(event) {
      if (timer || (event.type === "keydown" && (event.repeat || ![" ", "Enter"].includes(event.key)))) return;
      byKey = event.type === "keydown";
      button.classList.add("holding");
      helped = false;
      label("hold");
      timer = setTimeout(() => {
        end();
        raise();
      }, HOLD_MS);
    }

    function end() {
      clearTimeout(timer);
      timer = 0;
      button.classList.remove("holding");
      label(null);
    }

    function raise() {
      navigator.vibrate?.(200);
      enqueue(find("#emergency"), button);
      label("sending");
    }

    button.addEventListener("pointerdown", begin);
    button.addEventListener("keydown", begin);
    for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
      button.addEventListener(name, () => timer && end());
    }
    // The click that a key makes comes before this.
    button.addEventListener("keyup", () => setTimeout(() => (byKey = false)));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      // Assistive technology clicks without a pointer and without a key.
      if (event.detail !== 0 || byKey) return;
      if (performance.now() - pressed < AGAIN_MS && pressed) {
        pressed = 0;
        raise();
      } else {
        pressed = performance.now();
        label("again");
      }
    });
  }

  // Sound: on for a team's device, off for a desk, unless it was chosen.
  let audio = null;

  function sounds() {
    return (remembered(SOUND) ?? find("#sound")?.dataset.first) === "on";
  }

  function tellSound() {
    const button = find("#sound");
    if (!button) return;
    button.setAttribute("aria-pressed", String(sounds()));
    button.textContent = sounds() ? button.dataset.on : button.dataset.off;
  }

  // Browsers let a page sound only after it was touched.
  function wakeSound() {
    if (!sounds()) return;
    audio ??= new AudioContext();
    audio.resume();
  }

  function beep(tones) {
    wakeSound();
    if (audio?.state !== "running" || !sounds()) return;
    tones.forEach((tone, i) => {
      const [at, voice, loudness] = [audio.currentTime + i * 0.18, audio.createOscillator(), audio.createGain()];
      voice.frequency.value = tone;
      loudness.gain.setValueAtTime(0.25, at);
      loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.16);
      voice.connect(loudness).connect(audio.destination);
      voice.start(at);
      voice.stop(at + 0.17);
    });
  }

  // There is room for everything on a desk's screen.
  function unfold() {
    if (!matchMedia("(min-width: 1100px)").matches) return;
    for (const details of all("details.no:not([data-unfolded])")) {
      details.dataset.unfolded = details.open = true;
    }
  }

  // What is new is said and heard once; a recall until it is confirmed.
  const known = new Set();

  function notice() {
    for (const one of all("[data-offer]")) {
      if (known.has(one.dataset.offer)) continue;
      known.add(one.dataset.offer);
      find("#announce").textContent = one.dataset.announce;
      beep([660, 880, 660]);
      navigator.vibrate?.([200, 100, 200]);
    }
    const helpedAt = find("#aim")?.dataset.helped;
    if (helpedAt && !known.has(helpedAt)) {
      known.add(helpedAt);
      beep([880, 880, 880, 880]);
    }
    for (const one of all("[data-recall]")) {
      if (known.has(one.dataset.recall)) continue;
      known.add(one.dataset.recall);
      beep([990, 660, 990, 660]);
      navigator.vibrate?.([400, 100, 400]);
      for (const open of all("#backup[open], #menu[open]")) open.open = false;
      scrollTo(0, 0);
      find("button", one)?.focus({ focusVisible: false });
    }
  }

  let ended = false;

  function tick() {
    const now = divertNow();
    const over = find("#stale").classList.contains("ended");
    if (over && !ended) {
      beep([440, 440, 440]);
      navigator.vibrate?.([400, 100, 400]);
    }
    ended = over;
    for (const ring of all(".ring")) {
      const [from, to] = [Date.parse(ring.dataset.from), Date.parse(ring.dataset.to)];
      const left = Math.min(1, Math.max(0, (to - now) / (to - from)));
      find(".left", ring).setAttribute("stroke-dashoffset", String(100 * (1 - left)));
      ring.classList.toggle("near", to - now < NEAR_MS);
    }
    for (const check of all("[data-check-by]")) {
      const due = now >= Date.parse(check.dataset.checkBy);
      if (due && !check.classList.contains("due")) beep([520, 520]);
      check.classList.toggle("due", due);
    }
    if (find("#queue").hidden && first("plain")) show();
    if (find("#emergency .pending")) show();
  }

  function tellDistance(button) {
    const unknown = () => (button.textContent = button.dataset.unknown);
    if (!navigator.geolocation) return unknown();
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const rad = Math.PI / 180;
        const [a, b] = [coords.latitude * rad, Number(button.dataset.latitude) * rad];
        const [dy, dx] = [b - a, (Number(button.dataset.longitude) - coords.longitude) * rad];
        const h = Math.sin(dy / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(dx / 2) ** 2;
        const km = 2 * 6371 * Math.asin(Math.sqrt(h));
        button.textContent = button.dataset.far.replace("{km}", km.toFixed(1));
      },
      unknown,
      { timeout: 5000, maximumAge: 30000 },
    );
  }

  // Nothing moves under a finger.
  let finger = 0;
  document.addEventListener("pointerdown", () => {
    finger = performance.now();
    wakeSound();
  });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => (finger = 0));
  document.addEventListener("htmx:before:swap", (event) => {
    if (finger && performance.now() - finger < 3000) event.preventDefault();
  });
  document.addEventListener("htmx:before:request", (event) => {
    askedAt.set(event.detail.ctx, performance.now());
  });
  document.addEventListener("htmx:after:swap", (event) => {
    caughtUp(event.detail.ctx);
    unfold();
    show();
    notice();
    tick();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    const { response } = ctx;
    if (!divertTold(response)) return;
    if (response.status === 204) {
      caughtUp(ctx); // it is shown already, and nothing is swapped
      show();
    }
    if (taps().length) tryAgain();
  });
  globalThis.addEventListener("online", () => {
    tryAgain();
    poke();
  });
  globalThis.addEventListener("offline", show);
  globalThis.addEventListener("storage", show);

  new ResizeObserver(([{ target }]) => {
    document.documentElement.style.setProperty("--head", `${target.offsetHeight}px`);
  }).observe(find("#head"));

  watchEmergency();
  tellSound();
  unfold();
  show();
  notice();
  tick();
  tryAgain();
  setInterval(tick, 250);
})();
