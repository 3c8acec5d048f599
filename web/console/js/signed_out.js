// What visitors without a session see.
import { html } from "./html.js";
import { usesClerk } from "./session/session.js";
import { texts } from "./texts.js";

const signInAddress = new URL("../../sign-in", import.meta.url).href;

export function SignedOut({ hasExpired }) {
  return html`<main class="gate">
    <p class="wordmark">why<b>viral</b></p>
    <h1>${texts.signIn.title}</h1>
    <p class="lead">${texts.signIn.lead}</p>
    ${hasExpired && html`<p role="status">${texts.signIn.expired}</p>`}
    ${usesClerk
      ? html`<p><a class="button button-main" href=${signInAddress}>${texts.signIn.clerk}</a></p>`
      : html`<p class="quiet">${texts.signIn.local}</p>`}
  </main>`;
}
