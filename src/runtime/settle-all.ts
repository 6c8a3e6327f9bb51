/** What all of them came to, once none is in work any more; rejects then with the first failure in their order. */
export async function settleAll<T>(works: readonly Promise<T>[]): Promise<T[]> {
  return (await Promise.allSettled(works)).map((ended) => {
    if (ended.status === 'rejected') throw ended.reason;
    return ended.value;
  });
}
