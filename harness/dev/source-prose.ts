/** The prose of TypeScript files: comments, messages, and titles of tests. Line numbers are those of the file. */
import ts from 'typescript';

type Range = readonly [start: number, end: number];

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

function rangesOf(source: string, select: (node: ts.Node) => ts.Node | undefined): Range[] {
  const file = ts.createSourceFile('', source, ts.ScriptTarget.Latest, true);
  const ranges: Range[] = [];
  const visit = (node: ts.Node): void => {
    const selected = select(node);
    if (selected) ranges.push([selected.getStart(file), selected.end]);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return ranges;
}

/** `source` with everything blanked outside `ranges`, which are sorted, and in code spans. */
function only(source: string, ranges: readonly Range[]): string {
  let prose = '';
  for (const [start, end] of ranges) prose += blank(source.slice(prose.length, start)) + source.slice(start, end);
  return prose.replace(/`[^`\n]*`/g, blank);
}

/** The comments of a file, without their markers and code spans. */
export function commentsOf(source: string): string {
  const literals = rangesOf(source, (node) =>
    ts.isLiteralExpression(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)
      ? node
      : undefined,
  );
  const comments: Range[] = [];
  const pattern = /\/\*[^]*?\*\/|\/\/.*/g;
  for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
    const { index } = match;
    const literal = literals.find(([start, end]) => start <= index && index < end);
    if (literal) pattern.lastIndex = literal[1];
    else comments.push([index, pattern.lastIndex]);
  }
  return only(source, comments).replace(/^([ \t]*)(?:\/\*\*?|\*\/?|\/\/)/gm, '$1 ');
}

/** The comments of a shell script or configuration file, on their lines. */
export function shellCommentsOf(source: string): string {
  return source.replace(/^.*$/gm, (line) => /(?:^|\s)#(?!!)\s?(.*)$/.exec(line)?.[1] ?? '');
}

/** The strings of a file that hold more than one word: messages, hints, labels. */
export function messagesOf(source: string): string {
  const strings = rangesOf(source, (node) =>
    (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) &&
    /[a-z] [a-z]/.test(node.text)
      ? node
      : undefined,
  );
  return only(source, strings);
}

/** The titles in a file's calls of `it` and `describe`. */
export function titlesOf(source: string): string {
  const titles = rangesOf(source, (node) => {
    if (!ts.isCallExpression(node) || !/^(?:it|describe)\b/.test(node.expression.getText())) return undefined;
    const [title] = node.arguments;
    return title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)) ? title : undefined;
  });
  return only(
    source,
    titles.map(([start, end]) => [start + 1, end - 1] as const),
  );
}
