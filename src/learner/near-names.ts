/** Letters of ids. A name may contain others, which are only deleted or moved. */
const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@'];

/**
 * Every name that is one typing mistake away: a letter inserted, deleted, replaced or swapped with its neighbour, another
 * case, blanks around it. The key of a learner is computed from the name, so these few thousand keys are looked up in an
 * index, and no table of learners is read.
 */
export function nearNames(name: string): readonly string[] {
  const letters = [...name];
  const edited = letters.flatMap((letter, at) => {
    const [before, after] = [letters.slice(0, at).join(''), letters.slice(at + 1).join('')];
    const next = letters[at + 1] ?? '';
    return [
      before + after,
      before + next + letter + letters.slice(at + 2).join(''),
      ...LETTERS.flatMap((other) => [before + other + after, before + other + letter + after]),
    ];
  });
  const cased = [name.toLowerCase(), name.toUpperCase(), name.trim()];
  const all = new Set([...cased, ...edited, ...LETTERS.map((letter) => name + letter)]);
  return [...all].filter((each) => each !== name && each !== '');
}
