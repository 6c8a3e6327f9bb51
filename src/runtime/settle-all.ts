/** The results of all, once every one has settled. If some failed, rejects with the first failure in list order. */
export async function settleAll<T>(works: readonly Promise<T>[]): Promise<T[]> {
  return (await Promise.allSettled(works)).map((ended) => {
    if (ended.status === 'rejected') throw ended.reason;
    return ended.value;
  });
}
