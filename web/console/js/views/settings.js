// What programs need: API keys, and webhooks that report ended analyses.
import { html } from "../html.js";
import { ApiKeys } from "../settings/api_keys.js";
import { Webhooks } from "../settings/webhooks.js";
import { texts } from "../texts.js";

export function Settings() {
  return html`<section class="page settings">
    <header class="section-head"><h1>${texts.settings.title}</h1></header>
    <${ApiKeys} />
    <${Webhooks} />
  </section>`;
}
