import { html } from "../html.js";
import { texts } from "../texts.js";

export function Unknown() {
  return html`<section class="page">
    <h1>${texts.errors.notFoundTitle}</h1>
    <p class="lead">${texts.errors.notFound}</p>
    <p><a class="button" href="#/">${texts.nav.home}</a></p>
  </section>`;
}
