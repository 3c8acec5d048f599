// The frame around every view: the bar with the navigation, and the content.
import { addressOf, post } from "./api.js";
import { html, useEffect, useRef } from "./html.js";
import { Menu } from "./parts/menu.js";
import { signOut } from "./session/session.js";
import { texts } from "./texts.js";

const ITEMS = [
  ["home", "#/", "M4 10h12M10 4v12"],
  ["history", "#/history", "M4 6h12M4 10h12M4 14h8"],
  ["notes", "#/notes", "M5 4h10v12l-3-2-2 2-2-2-3 2z"],
  ["usage", "#/usage", "M4 16V9M8.500 16V4M13 16v-5M17 16V7"],
  ["plan", "#/plan", "M3 6h14v9H3zM3 9.500h14"],
];

export function Shell({ route, profile, children }) {
  const main = useRef();
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = titleOf(route);
    if (isFirst.current) isFirst.current = false;
    else {
      main.current.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }, [route.path]);
  const leave = async () => {
    try {
      await post("api/accounts/logout/");
    } finally {
      await signOut();
    }
  };
  return html`
    <a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>${texts.skip}</a>
    <header class="bar">
      <a class="wordmark" href="#/" aria-label=${texts.title}>why<b>viral</b></a>
      <nav class="nav" aria-label=${texts.title}>
        ${ITEMS.map(
          ([name, address, drawing]) => html`<a key=${name} href=${address} aria-current=${isOn(route, name) ? "page" : undefined}>
            <svg viewBox="0 0 20 20" aria-hidden="true"><path d=${drawing} /></svg><span>${texts.nav[name]}</span>
          </a>`,
        )}
      </nav>
      <${Menu} className="account" summaryClass="" label=${html`<span aria-hidden="true">${initial(profile)}</span><span class="hidden">${texts.account.menu}</span>`}>
        <bdi class="menu-note quiet">${profile.email ?? profile.full_name ?? ""}</bdi>
        <a href="#/settings">${texts.account.settings}</a>
        <a href=${addressOf("docs")}>${texts.account.docs}</a>
        <button type="button" onClick=${leave}>${texts.account.signOut}</button>
      <//>
    </header>
    <main class="content" id="content" tabindex="-1" ref=${main}>${children}</main>
  `;
}

function titleOf(route) {
  const name = texts.nav[route.name] ?? texts[route.name]?.title;
  return name ? `${name} · ${texts.title}` : texts.title;
}

function isOn(route, name) {
  return route.name === name || (route.name === "request" && name === "history");
}

function initial(profile) {
  return (profile.full_name ?? profile.email ?? "·").slice(0, 1).toUpperCase();
}
