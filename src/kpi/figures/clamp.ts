/** `value` where it lies within [`low`, `high`], else the nearer of the two. NaN stays NaN. */
export function clamp(value: number, low = 0, high = 1): number {
  return Math.min(high, Math.max(low, value));
}
