/** Code without an effect on the protocol, which no suite can observe. */

/** The part of Babel's path to a syntax node that is looked at. */
interface Path {
  readonly node?: { readonly type: string; readonly callee?: { readonly name?: string } };
}

/** Why a syntax node is not changed; undefined if it is. */
export function isMessage({ node }: Path): string | undefined {
  const isError = node?.type === 'NewExpression' && /Error$/.test(node.callee?.name ?? '');
  return isError ? 'the text of an error of the reference driver is not observable' : undefined;
}
