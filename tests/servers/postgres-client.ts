import pg from 'pg';

/** Removes the schemas of a fleet: ours, and that of BullMQ; or the one that bare BullMQ was given by that name. */
export async function removeSchemas(url: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const schema of [prefix, `${prefix}_bullmq`]) await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  } finally {
    await client.end();
  }
}

/** Whether a PostgreSQL answers there that lets us in, and make schemas. */
export async function isUsablePostgres(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ can: boolean }>(
      "SELECT has_database_privilege(current_database(), 'CREATE') AS can",
    );
    return rows[0]?.can === true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
