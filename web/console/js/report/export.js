// The report as a file.
import { download } from "../api.js";
import { html } from "../html.js";
import { Menu } from "../parts/menu.js";
import { texts } from "../texts.js";

const FORMATS = ["md", "json", "csv"];

export function ExportMenu({ request, onError }) {
  const save = (format) => () => download(`api/analysis/requests/${request.id}/export/?format=${format}`, `report.${format}`).then(() => onError(undefined), onError);
  return html`<${Menu} label=${texts.export.button}>
    ${FORMATS.map((format) => html`<button key=${format} type="button" onClick=${save(format)}>
      <b>${texts.export.formats[format][0]}</b> <span class="quiet">${texts.export.formats[format][1]}</span></button>`)}
  <//>`;
}
