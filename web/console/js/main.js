// Starts the console: finds the session, then shows the page of the address.
import { get } from "./api.js";
import { html, render, useEffect, useErrorBoundary, useState } from "./html.js";
import { useRoute } from "./router.js";
import { startSession } from "./session/session.js";
import { Shell } from "./shell.js";
import { SignedOut } from "./signed_out.js";
import { Failure, Loading } from "./parts/states.js";
import { texts } from "./texts.js";
import { Home } from "./views/home.js";

const LOADED = { home: Home };
/** The views that the first page does not need are loaded when they are first opened. */
const LOADERS = {
  history: async () => (await import("./views/history.js")).History,
  notes: async () => (await import("./views/notes.js")).Notes,
  plan: async () => (await import("./views/plan.js")).Plan,
  request: async () => (await import("./views/request.js")).RequestPage,
  settings: async () => (await import("./views/settings.js")).Settings,
  unknown: async () => (await import("./views/unknown.js")).Unknown,
  usage: async () => (await import("./views/usage.js")).Usage,
};

function Console() {
  const [state, setState] = useState({ phase: "starting" });
  const route = useRoute();
  const start = async () => {
    setState({ phase: "starting" });
    try {
      const whenSignedOut = () => setState((before) => ({ phase: "signed_out", hasExpired: before.phase === "ready" }));
      if (!(await startSession({ whenSignedOut }))) return setState({ phase: "signed_out" });
      const profile = await get("api/accounts/me/");
      return setState({ phase: "ready", profile });
    } catch (error) {
      return error.status === 401 ? undefined : setState({ phase: "failed", error });
    }
  };
  useEffect(() => void start(), []);
  useEffect(() => {
    // A link with a new token, opened in a tab that shows the console already.
    const onNewLink = () => location.hash.startsWith("#token=") && start();
    window.addEventListener("hashchange", onNewLink);
    return () => window.removeEventListener("hashchange", onNewLink);
  }, []);
  if (state.phase === "signed_out") return html`<${SignedOut} hasExpired=${state.hasExpired} />`;
  if (state.phase === "failed") return html`<main class="gate"><${Failure} error=${state.error} onRetry=${start} /></main>`;
  if (state.phase === "starting") return html`<main class="gate"><p class="wordmark">why<b>viral</b></p><${Loading} /></main>`; // as in index.html
  return html`<${Shell} route=${route} profile=${state.profile}>
    <${View} key=${route.name === "request" ? route.ids[0] : route.name} route=${route} />
  <//>`;
}

function View({ route }) {
  const [error] = useErrorBoundary();
  const [state, setState] = useState({ component: LOADED[route.name] });
  useEffect(() => {
    if (state.component) return;
    LOADERS[route.name]().then(
      (component) => {
        LOADED[route.name] = component;
        setState({ component });
      },
      () => setState({ hasFailed: true }),
    );
  }, [route.name]);
  if (error) return html`<${Failure} error=${error} onRetry=${() => location.reload()} />`;
  if (state.hasFailed) {
    return html`<section class="failure" role="alert"><p class="failure-message">${texts.errors.outdated}</p>
      <p><button type="button" class="button" onClick=${() => location.reload()}>${texts.errors.reload}</button></p></section>`;
  }
  return state.component ? html`<${state.component} route=${route} />` : html`<${Loading} lines=${6} />`;
}

render(html`<${Console} />`, document.getElementById("console"));
