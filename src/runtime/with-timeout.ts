/** The work's result, or an error when it takes longer; it is not broken off, but nobody waits for it any more. */
export async function answeredWithin<T>(ms: number, work: Promise<T>): Promise<T> {
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => expired.reject(new Error(`no answer within ${ms / 1000} s`)), ms);
  try {
    return await Promise.race([work, expired.promise]);
  } finally {
    clearTimeout(timer);
    // What it still comes to is nobody's concern.
    work.catch(() => {});
  }
}
