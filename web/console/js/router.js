// Addresses behind `#`, so that the page works below any prefix.
import { useEffect, useState } from "./html.js";

const ROUTES = [
  [/^\/$/, "home"],
  [/^\/requests\/([0-9a-f-]{36})$/, "request"],
  [/^\/requests\/([0-9a-f-]{36})\/([0-9a-f-]{36})$/, "request"],
  [/^\/history$/, "history"],
  [/^\/notes$/, "notes"],
  [/^\/usage$/, "usage"],
  [/^\/plan$/, "plan"],
  [/^\/settings$/, "settings"],
];

export function useRoute() {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const update = () => setRoute(current());
    window.addEventListener("hashchange", update);
    return () => window.removeEventListener("hashchange", update);
  }, []);
  return route;
}

function current() {
  const path = location.hash.replace(/^#/, "") || "/";
  for (const [pattern, name] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { name, ids: match.slice(1), path };
  }
  return { name: "unknown", ids: [], path };
}

export function go(path) {
  location.hash = `#${path}`;
}
