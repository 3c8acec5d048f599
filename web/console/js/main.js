// Starts the console: finds the session, then shows the page of the address.
import { get } from "./api.js";
import { html, render, useEffect, useState } from "./html.js";
import { useRoute } from "./router.js";
import { startSession } from "./session/session.js";
import { Shell } from "./shell.js";
import { SignedOut } from "./signed_out.js";
import { Failure, Loading } from "./parts/states.js";
import { Home } from "./views/home.js";
import { History } from "./views/history.js";
import { Notes } from "./views/notes.js";
import { Plan } from "./views/plan.js";
import { RequestPage } from "./views/request.js";
import { Unknown } from "./views/unknown.js";
import { Usage } from "./views/usage.js";

const VIEWS = { home: Home, history: History, notes: Notes, usage: Usage, plan: Plan, request: RequestPage, unknown: Unknown };

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
  if (state.phase === "starting") return html`<main class="gate"><${Loading} /></main>`;
  const View = VIEWS[route.name];
  return html`<${Shell} route=${route} profile=${state.profile}>
    <${View} key=${route.name === "request" ? route.ids[0] : route.name} route=${route} profile=${state.profile} />
  <//>`;
}

render(html`<${Console} />`, document.getElementById("console"));
