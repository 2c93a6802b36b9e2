// Lets the conductor's page be opened without network: the page itself has put its copy and its files into the cache.
"use strict";
addEventListener("install", () => skipWaiting());
addEventListener("activate", (e) => e.waitUntil(clients.claim()));
addEventListener("fetch", (e) => {
  const r = e.request;
  if (r.method !== "GET" || (r.mode !== "navigate" && !new URL(r.url).pathname.startsWith("/assets/"))) return;
  e.respondWith((async () => {
    const kept = await caches.match(r, { ignoreVary: true });
    if (!kept) return fetch(r);
    // On a road with hardly any network a page that comes late is as bad as one that does not come.
    const late = new Promise((_, no) => setTimeout(no, 5000));
    return Promise.race([fetch(r), late]).catch(() => kept);
  })());
});
