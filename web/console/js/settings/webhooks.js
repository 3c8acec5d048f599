// The endpoints of webhooks: a form for a new one, and a panel for each.
import { get, post } from "../api.js";
import { html, useState } from "../html.js";
import { CopyField } from "../parts/copy_field.js";
import { Failure, Loading, useData } from "../parts/states.js";
import { texts } from "../texts.js";
import { Endpoint } from "./endpoint.js";

const ENDPOINTS = "api/webhooks/endpoints/";

export function Webhooks() {
  const { data, error, reload } = useData((signal) => get(ENDPOINTS, { signal }), []);
  const [secret, setSecret] = useState(null);
  const words = texts.settings.webhooks;
  return html`<section class="block">
    <h2>${words.title}</h2>
    <p>${words.lead}</p>
    <${Failure} error=${error} onRetry=${reload} />
    ${!data && !error && html`<${Loading} lines=${3} />`}
    ${data?.results.length === 0 && html`<p class="quiet">${words.none}</p>`}
    <div role="status">${secret && html`<${Secret} ...${secret} />`}</div>
    ${data && html`<ul class="endpoints">${data.results.map(
      (endpoint) => html`<${Endpoint} key=${endpoint.id} endpoint=${endpoint} onChange=${reload} onSecret=${setSecret} />`,
    )}</ul>
    <${NewEndpoint} onCreated=${(created) => { setSecret(created); reload(); }} />`}
  </section>`;
}

function Secret({ url, secret }) {
  const words = texts.settings.webhooks;
  return html`<div class="hint">
    <p>${words.secret} <bdi class="mono">${url}</bdi></p>
    <${CopyField} value=${secret} label=${words.secretLabel} />
    <p class="quiet">${words.once}</p>
  </div>`;
}

function NewEndpoint({ onCreated }) {
  const words = texts.settings.webhooks;
  const [body, setBody] = useState({ url: "", description: "", events: Object.keys(words.events) });
  const [state, setState] = useState({});
  const change = (field) => (event) => setBody({ ...body, [field]: event.target.value });
  const choose = (type) => (event) =>
    setBody({ ...body, events: event.target.checked ? [...body.events, type] : body.events.filter((one) => one !== type) });
  const submit = async (event) => {
    event.preventDefault();
    setState({ isSending: true });
    try {
      onCreated(await post(ENDPOINTS, body));
      setBody({ ...body, url: "", description: "" });
      setState({});
    } catch (error) {
      setState({ error });
    }
  };
  return html`<form class="panel endpoint-form" onSubmit=${submit}>
    <h3>${words.add}</h3>
    <label><span>${words.url}</span>
      <input type="url" required placeholder="https://" maxlength="2000" value=${body.url} onInput=${change("url")} /></label>
    <label><span>${words.description}</span>
      <input type="text" maxlength="200" value=${body.description} onInput=${change("description")} /></label>
    <fieldset class="checks"><legend>${words.which}</legend>
      ${Object.entries(words.events).map(([type, name]) => html`<label key=${type}>
        <input type="checkbox" checked=${body.events.includes(type)} onChange=${choose(type)} /> ${name}</label>`)}
    </fieldset>
    <${Failure} error=${state.error} />
    <p><button type="submit" class="button button-main" disabled=${state.isSending || body.events.length === 0}>${words.create}</button></p>
  </form>`;
}
