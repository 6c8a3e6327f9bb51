/** A position in the write-ahead log, in Postgres' text form, e.g. `0/16B3748`. */
export type Lsn = string & { readonly lsn: unique symbol };
