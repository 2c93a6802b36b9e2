// The conductor's page without network. Everything here is a convenience: with a network the form works without it.
// What is kept on the device are hashes of codes, never codes: it cannot be used to forge a ticket.
"use strict";
(async () => {
  const root = document.getElementById("scan"), page = location.pathname, key = "scan:" + page;
  if (!root || !window.crypto?.subtle || !navigator.serviceWorker || !window.caches) return;
  const words = JSON.parse(root.dataset.words), part = (name) => root.querySelector(`[data-part="${name}"]`);
  const form = root.querySelector("form"), field = form.querySelector("[name=code]");
  const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  const clock = (t) => new Date(t).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: root.dataset.zone });
  let online = navigator.onLine, signedOut = false, busy = false;

  // Two tabs may be open: what is kept is read anew for each change.
  const kept = (of = key) => JSON.parse(localStorage.getItem(of)) || { looks: [] };
  const change = (fn) => { const k = kept(); fn(k); localStorage.setItem(key, JSON.stringify(k)); draw(k); };
  const now = () => Date.now() + (kept().skew || 0);
  const ticketOf = (k, look) => (k.list ? k.list.tickets.find((t) => t.hash === look.ticket) : undefined);

  async function ask(path, options) {
    try {
      const r = await fetch(page + path, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(5000), ...options });
      signedOut = r.type === "opaqueredirect";
      online = r.status < 500;
      return r;
    } catch {
      online = false;
      return { status: 0 };
    }
  }

  // hand returns the answers to looks; nothing when there are none.
  async function hand(looks) {
    const scans = looks.map(({ id, ticket, at, verdict }) => ({ id, ticket, at, verdict }));
    const r = await ask("/looks", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ scans }) });
    return r.status === 200 ? (await r.json()).scans : undefined;
  }

  // settle notes an answer beside what this device had said.
  const settle = (look, answer) => Object.assign(look, { done: true, answer: answer.verdict, first: answer.first_at, others: answer.others, place: answer.ticket?.place });

  async function sync() {
    if (busy) return;
    busy = true;
    try {
      for (let left; (left = kept().looks.filter((l) => !l.done).slice(0, 200)).length;) {
        const answers = await hand(left);
        if (!answers) break;
        change((k) => { for (const l of k.looks) { const a = answers.find((a) => a.id === l.id); if (a) settle(l, a); } });
      }
      const tag = kept().tag, r = await ask("/tickets", { headers: tag ? { "If-None-Match": tag } : {} });
      if (r.status === 200 || r.status === 304) {
        const list = r.status === 200 ? await r.json() : undefined, ours = Date.now(), theirs = Date.parse(r.headers.get("Date"));
        change((k) => {
          k.at = ours;
          k.skew = Math.abs(theirs - ours) > 5000 ? theirs - ours : 0; // the header counts whole seconds
          if (list) { k.list = list; k.tag = r.headers.get("ETag"); }
        });
      } else if (r.status === 403 || r.status === 404) { // no longer theirs to know
        localStorage.removeItem(key);
        await (await caches.open("scan")).delete(page);
      }
    } finally {
      busy = false;
      draw(kept());
    }
  }

  // judge says by the list, and by what this device has seen itself, what the town would say.
  function judge(look) {
    const k = kept(), t = ticketOf(k, look);
    if (!k.list) return { verdict: "unchecked" };
    if (!t) return { verdict: "unknown", note: say("by-list-unknown", { time: clock(k.at) }) };
    const mine = k.looks.find((l) => l.ticket === look.ticket && (l.answer || l.verdict) === "accepted"), used = t.used_at || mine?.at;
    const verdict = t.state === "void" ? "void" : used ? "second" : "accepted";
    return { verdict, ticket: t, first_at: used, note: say("by-list", { time: clock(k.at) }) };
  }

  function show(a) {
    const block = document.importNode(root.querySelector(`template[data-verdict="${a.verdict}"]`).content, true);
    const put = (name, text) => { if (text) { const e = block.querySelector("." + name); e.textContent = text; e.hidden = false; } };
    const good = a.verdict === "accepted";
    if (good || a.verdict === "second") {
      put("big", a.ticket.place);
      put("line", fare(a.ticket) + " · " + ride(a.ticket));
      block.querySelector(".proof").hidden = !(good && a.ticket.proof);
    }
    put("note", [a.verdict === "second" && say("second-body", { time: clock(a.first_at) }), a.note].filter(Boolean).join(" "));
    part("result").replaceChildren(block);
    navigator.vibrate?.(good ? 60 : [200, 80, 200]);
  }

  const fare = (t) => words[t.class] + (t.bicycle ? ", " + say("bicycle", { number: t.bicycle }) : "");
  const ride = (t) => t.begin + " – " + t.end;

  async function check(code) {
    const bytes = new TextEncoder().encode(code.replace(/[^A-Za-z2-7]/g, "").toUpperCase());
    const hash = [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
    const look = { id: crypto.randomUUID(), ticket: hash, at: new Date(now()).toISOString() };
    const answers = navigator.onLine && await hand([look]);
    const a = answers ? answers[0] : judge(look);
    show(a);
    change((k) => {
      if (answers) k.looks.push(settle(look, a));
      else if (k.list) k.looks.push({ ...look, verdict: a.verdict });
    });
  }

  // conflict is what this device has to be told about a look of its own; nothing when all is well.
  function conflict(k, l) {
    const at = { time: clock(l.at), place: l.place || ticketOf(k, l)?.place || "?", first: l.first && clock(l.first) };
    if (!l.done || !l.verdict) return "";
    if (l.answer === "wrong-time") return say("conflict-time", at);
    if (l.verdict !== "accepted") return l.answer === "good" || l.answer === "accepted" ? say("conflict-turned", at) : "";
    if (l.answer === "accepted") return l.others ? say("conflict-others", at) : "";
    return say(l.answer === "second" ? "conflict-second" : l.answer === "void" ? "conflict-void" : "conflict-none", at);
  }

  function draw(k) {
    const time = k.at && clock(k.at), old = k.list && Date.now() - k.at > k.list.max_age_seconds * 1000, waiting = k.looks.filter((l) => !l.done).length;
    const state = part("state"), lines = [];
    if (signedOut) lines.push(say("signed-out"));
    else if (!online) lines.push(k.list ? say("offline", { time }) : say("offline-none"));
    else if (k.list) lines.push(say("online", { time }));
    if (old) lines.push(say("old", { time }));
    if (waiting) lines.push(say("waiting", { n: waiting }));
    state.hidden = !lines.length;
    state.className = "notice " + (signedOut || old || (!online && !k.list) ? "danger" : online ? "neutral" : "warning");
    if (state.textContent !== lines.join(" ")) state.textContent = lines.join(" ");
    if (signedOut) {
      const a = document.createElement("a");
      a.href = page;
      a.textContent = say("sign-in");
      state.append(" ", a);
    }
    const told = k.looks.map((l) => conflict(k, l)).filter(Boolean), list = part("conflicts").querySelector("ul");
    part("conflicts").hidden = !told.length;
    if (list.children.length !== told.length) list.replaceChildren(...told.map((t) => { const li = document.createElement("li"); li.textContent = t; return li; }));
    if (k.list) rows(k);
  }

  // rows shows who is on board, by the list and by what this device has seen since.
  function rows(k) {
    const mine = new Set(k.looks.filter((l) => (l.answer || l.verdict) === "accepted").map((l) => l.ticket));
    const good = k.list.tickets.filter((t) => t.state !== "void"), on = (t) => t.state === "used" || mine.has(t.hash);
    part("counts").textContent = say("counts", { n: good.filter(on).length, of: good.length });
    const table = root.querySelector("table"), blank = root.querySelector("template[data-row]").content;
    table.hidden = !good.length;
    if (part("empty")) part("empty").hidden = good.length > 0;
    table.tBodies[0].replaceChildren(...good.map((t) => {
      const row = document.importNode(blank, true), tag = row.querySelector(".tag");
      for (const [name, text] of Object.entries({ place: t.place, fare: fare(t), ride: ride(t) })) row.querySelector(`[data-k="${name}"]`).textContent = text;
      tag.textContent = say(on(t) ? "on-board" : "expected");
      tag.className = "tag " + (on(t) ? "success" : "neutral");
      return row;
    }));
  }

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const code = field.value;
    field.value = "";
    field.focus();
    if (code.trim()) check(code);
  });

  if (window.BarcodeDetector && navigator.mediaDevices) {
    const button = part("camera").querySelector("button"), video = part("camera").querySelector("video"), idle = button.textContent;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    let stream, last;
    part("camera").hidden = false;
    button.addEventListener("click", async () => {
      if (stream) stream.getTracks().forEach((t) => t.stop());
      stream = stream ? undefined : await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch(() => undefined);
      button.textContent = stream ? button.dataset.off : idle;
      video.hidden = !stream;
      video.srcObject = stream || null;
      if (stream) video.play();
    });
    setInterval(async () => {
      if (!stream) return;
      const [found] = await detector.detect(video).catch(() => []);
      if (found && found.rawValue !== last) check(found.rawValue); // held before the camera for long it is one look
      last = found ? found.rawValue : undefined;
    }, 400);
  }

  // What is days old and handed in is forgotten.
  for (const k of Object.keys(localStorage)) {
    if (k !== key && k.startsWith("scan:") && Date.now() - (kept(k).at || 0) > 3 * 864e5 && kept(k).looks.every((l) => l.done)) {
      localStorage.removeItem(k);
      (await caches.open("scan")).delete(k.slice(5));
      (await navigator.serviceWorker.getRegistration(k.slice(5)))?.unregister();
    }
  }
  addEventListener("online", sync);
  addEventListener("offline", () => { online = false; draw(kept()); });
  document.addEventListener("visibilitychange", () => document.hidden || sync());
  setInterval(sync, 30000);
  await sync();
  if (!online || signedOut || !kept().list) return;
  navigator.serviceWorker.register(page + "-worker.js", { scope: page }).catch(() => {});
  (await caches.open("scan")).addAll([page, ...[...document.querySelectorAll("link[href], script[src]")].map((e) => e.href || e.src)]).catch(() => {});
})();
