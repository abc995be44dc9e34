import { createHash } from 'node:crypto';
import { STYLE } from './html-style.js';
import { html as h, Markup } from './markup.js';

/** One self-contained page, which loads no other files and runs no other script than `script`. */
export function page(title: string, body: Markup, script?: string): string {
  return [...pageParts(title, [body], script)].join('');
}

/** The same page in parts, for a body that is too large to hold in memory as a whole. */
export function* pageParts(title: string, body: Iterable<Markup>, script?: string): Generator<string> {
  const hash = script === undefined ? undefined : createHash('sha256').update(script).digest('base64');
  const scripts = hash === undefined ? '' : `; script-src 'sha256-${hash}'`;
  yield h`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${scripts}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
`.text;
  for (const { text } of body) yield text;
  yield h`
${script === undefined ? undefined : h`<script>${new Markup(script)}</script>`}
</body>
</html>
`.text;
}
