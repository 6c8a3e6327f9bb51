/** The name that needs the fewest edits to be `word`, the first of several; undefined if all need more than `most`. */
export function nearest<T extends string>(word: string, names: readonly T[], most: number): T | undefined {
  let found: T | undefined;
  let fewest = most + 1;
  for (const name of names) {
    const edits = editDistance(word, name, most);
    if (edits < fewest) [found, fewest] = [name, edits];
  }
  return found;
}

/** Letters to insert, delete, replace, or swap with their neighbour. More than `most` are not counted further. */
function editDistance(from: string, to: string, most: number): number {
  if (from === to) return 0;
  if (most === 0 || Math.abs(from.length - to.length) > most) return Number.POSITIVE_INFINITY;
  if (from[0] === to[0]) return editDistance(from.slice(1), to.slice(1), most);
  const rests = [
    [from.slice(1), to],
    [from, to.slice(1)],
    [from.slice(1), to.slice(1)],
  ] as [string, string][];
  if (from[0] === to[1] && from[1] === to[0]) rests.push([from.slice(2), to.slice(2)]);
  return 1 + Math.min(...rests.map(([left, right]) => editDistance(left, right, most - 1)));
}
