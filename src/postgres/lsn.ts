/** A position in the write-ahead log, as Postgres writes it. */
export type Lsn = string & { readonly lsn: unique symbol };
