/**
 * Does `work` for all items at once where it can. Where it fails because of an item, each half is tried by itself, and
 * so on until the item is alone and `failed`; all others are done. Errors that are no item's fault are thrown on, and
 * what was done by then stays done: `work` must bear repeating.
 *
 * @param blame one line on what is wrong with an item; `undefined` where the error is no item's fault
 */
export async function halving<T>(
  items: readonly T[],
  work: (items: readonly T[]) => Promise<void>,
  blame: (error: unknown) => string | undefined,
  failed: (item: T, why: string) => void,
): Promise<void> {
  if (items.length === 0) return;
  try {
    return await work(items);
  } catch (error) {
    const why = blame(error);
    if (why === undefined) throw error;
    const [only] = items;
    if (items.length === 1 && only !== undefined) return failed(only, why);
  }
  const middle = Math.ceil(items.length / 2);
  await halving(items.slice(0, middle), work, blame, failed);
  await halving(items.slice(middle), work, blame, failed);
}
