// Everything here is a convenience: every page works without it.
"use strict";
(() => {
  const lang = document.documentElement.lang;
  let leaving = false, changed = false;

  // A form is sent once. The idempotency key makes a second sending harmless; this spares the wait.
  addEventListener("submit", (e) => {
    const form = e.target, button = e.submitter;
    if (e.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "1";
    leaving = true;
    if (button) button.setAttribute("aria-disabled", "true");
  });
  // Coming back with the Back button shows the page as it was left: it must be usable again.
  addEventListener("pageshow", () => {
    leaving = false;
    for (const form of document.forms) delete form.dataset.sent;
    for (const b of document.querySelectorAll("button[aria-disabled]")) b.removeAttribute("aria-disabled");
  });

  // The error summary is read out and its links put the cursor into the field.
  const problems = document.getElementById("problems");
  if (problems) {
    problems.focus();
    problems.addEventListener("click", (e) => {
      const field = e.target.hash && document.getElementById(e.target.hash.slice(1));
      if (!field) return;
      e.preventDefault();
      const top = field.closest("fieldset") || document.querySelector(`label[for="${field.id}"]`) || field;
      top.scrollIntoView({ block: "start" });
      field.focus({ preventScroll: true });
    });
  }

  // Forms that say so ask before they are left half filled. Pages without data-guard never do.
  const guarded = document.querySelector("form[data-guard]");
  if (guarded) {
    guarded.addEventListener("input", () => { changed = true; });
    addEventListener("beforeunload", (e) => { if (changed && !leaving) e.preventDefault(); });
  }

  // Searching from where one stands: about a kilometre exactly, and only when somebody presses the button.
  for (const b of document.querySelectorAll("button[data-near]")) {
    const field = document.getElementById(b.dataset.near);
    if (!field || !navigator.geolocation) continue;
    b.hidden = false;
    b.addEventListener("click", () => navigator.geolocation.getCurrentPosition((p) => {
      field.value = p.coords.latitude.toFixed(2) + "," + p.coords.longitude.toFixed(2);
      field.form.requestSubmit();
    }, () => { b.hidden = true; field.focus(); }));
  }

  // Copying an address; the button appears only where it works.
  for (const b of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    b.hidden = false;
    b.addEventListener("click", async () => {
      await navigator.clipboard.writeText(b.dataset.copy);
      const was = b.textContent;
      b.textContent = b.dataset.copied || { ru: "Скопировано", "zh-Hans": "已复制" }[lang] || "Copied";
      setTimeout(() => { b.textContent = was; }, 2000);
    });
  }
})();
