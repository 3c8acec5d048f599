// How to make a key for scripts and agents, and how to use it. Clerk makes and keeps the keys.
import { addressOf } from "../api.js";
import { html } from "../html.js";
import { CopyField } from "../parts/copy_field.js";
import { accountAddress } from "../session/session.js";
import { texts } from "../texts.js";

export function ApiKeys() {
  const { apiKeys } = texts.settings;
  const example = `curl '${addressOf("api/analysis/requests/")}' -H 'Authorization: Bearer ak_…'`;
  return html`<section class="block">
    <h2>${apiKeys.title}</h2>
    <p>${apiKeys.lead}</p>
    ${accountAddress
      ? html`<p><a class="button" href=${accountAddress}>${apiKeys.manage}</a></p>`
      : html`<p class="hint">${apiKeys.local}</p>`}
    <dl class="pairs">${Object.entries(apiKeys.scopes).map(
      ([scope, words]) => html`<div key=${scope}><dt class="mono">${scope}</dt><dd>${words}</dd></div>`,
    )}</dl>
    <p class="quiet">${apiKeys.limits}</p>
    <${CopyField} value=${example} label=${apiKeys.example} />
    <p><a href=${addressOf("docs")}>${apiKeys.docs}</a></p>
  </section>`;
}
