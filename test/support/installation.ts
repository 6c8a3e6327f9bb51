/** The installation of a relay whose topic nobody else writes to. */
export const INSTALLATION = { id: '6f1c1a52-0000-4000-8000-000000000001', requireOwnTopic: async () => {} };
