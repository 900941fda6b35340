/** What an object's JSON says of itself at its very start, so that what is known is not parsed. */

export interface ObjectHead {
  /** 'namespace/name', or 'name' for cluster-scoped objects. */
  readonly key: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The longest names and versions end within it, in bytes. */
const headBytes = 1024;

/**
 * The order in which every API server written in Go sends an object's first fields. What is not
 * plain ASCII, or escaped, does not match: such an object is parsed.
 */
const goOrder =
  /^\{(?:"kind":"\w+","apiVersion":"[\w./-]+"|"apiVersion":"[\w./-]+","kind":"\w+"),"metadata":\{"name":"([ !#-[\]-~]*)",(?:"generateName":"[ !#-[\]-~]*",)?(?:"namespace":"([ !#-[\]-~]*)",)?"uid":"([ !#-[\]-~]*)","resourceVersion":"(\d+)"/;

/** Undefined when the bytes begin in another way: then only parsing tells. */
export function headOf(json: Buffer): ObjectHead | undefined {
  const found = goOrder.exec(json.toString('latin1', 0, headBytes));
  if (found === null) return undefined;
  const [, name = '', namespace, uid = '', resourceVersion = ''] = found;
  return { key: namespace ? `${namespace}/${name}` : name, uid, resourceVersion };
}

/** resourceVersions are decimals that only grow within one collection (KEP-5504). */
export function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
