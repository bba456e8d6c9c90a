/**
 * Drives every workflow and blob operation of a running server with the published client, as its users do.
 *
 * Takes PALIO_URL and PALIO_TOKEN from the environment and prints a JSON array of checks.
 */
import { createCivitaiClient } from '@civitai/client';

import { driveBlobs } from './blobs';
import { driveChanges } from './changes';
import { driveQueries } from './queries';
import { report } from './report';
import { driveSubmission } from './submission';

const baseUrl = process.env.PALIO_URL;
const auth = process.env.PALIO_TOKEN;
if (!baseUrl || !auth) throw new Error('set PALIO_URL and PALIO_TOKEN');

const client = createCivitaiClient({ baseUrl, auth });
const stranger = createCivitaiClient({ baseUrl, auth: 'not-a-token' });

await driveSubmission(client, stranger);
await driveQueries(client, stranger);
await driveChanges(client);
await driveBlobs(client);

console.log(JSON.stringify(report(), null, 2));
