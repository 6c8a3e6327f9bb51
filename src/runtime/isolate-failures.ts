/**
 * Does `work` for all items at once. If it fails because of an item, each half is tried separately, and so on, until each
 * bad item is isolated and reported to `failed`; all other items are done. Other errors are thrown; items done until then
 * stay done, so `work` must be safe to repeat.
 *
 * @param blame one line on what is wrong with an item; `undefined` if the error was not caused by an item
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
