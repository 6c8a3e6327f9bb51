import type { Lsn } from './database.ts';

/** The position as a number, as Debezium stores it. Postgres writes it as two hexadecimal numbers. */
export function parseLsn(lsn: Lsn): bigint {
  const [high = '', low = ''] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** As Postgres writes it. */
export function formatLsn(position: bigint): string {
  return `${(position >> 32n).toString(16)}/${(position & 0xffff_ffffn).toString(16)}`.toUpperCase();
}
