// Preact with htm templates, and the hooks. Templates escape every value, and nothing here sets HTML from text.
import { h, render, Fragment } from "../vendor/preact.mjs";
import htm from "../vendor/htm.mjs";

export const html = htm.bind(h);
export { Fragment, render };
export { useCallback, useEffect, useErrorBoundary, useId, useMemo, useRef, useState } from "../vendor/hooks.mjs";
