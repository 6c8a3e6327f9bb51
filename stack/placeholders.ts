/** Puts values in place of every `${NAME}` of a settings file's values; a name without a value is a mistake in the file. */
export function fillPlaceholders(
  settings: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, template]) => [
      key,
      template.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
        const value = values[name];
        if (value === undefined) throw new Error(`no value for \${${name}} in the setting ${key}`);
        return value;
      }),
    ]),
  );
}

/** A replication slot's and publication's name: Postgres takes only these characters, 63 of them. */
export function slotName(connectorName: string): string {
  return connectorName
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .slice(0, 63);
}
