import { getBlob, getBlobContent, headBlob, refreshBlob } from '@civitai/client';
import type { ImageBlob, ImageGenOutput } from '@civitai/client';

import { check, data, holds, problem, same } from './report';
import { type Client, finished, image } from './templates';

const UNKNOWN = { blobId: 'nothing-has-this-id.jpeg' };

/** The blobs that workflows make: their signed URLs, redirects, refreshed URLs and content. */
export async function driveBlobs(client: Client): Promise<void> {
  const made = await check('blob: submit', async () => {
    const workflow = await finished(client, [image('a horse on a hill')]);
    return (workflow.steps[0].output as ImageGenOutput).images[0];
  });
  const path = { blobId: made?.id ?? '' };

  await check('blob: its URL needs no token and serves an image', async () => {
    await serves(made?.url);
    holds(Date.parse(made?.urlExpiresAt ?? '') > Date.now(), `the URL expires at ${made?.urlExpiresAt}`);
  });
  const content = await check('get blob: redirects to its bytes', async () => {
    const result = await getBlob({ client, path, query: { download: true, filename: 'horse.jpeg' } });
    isImage(data(result, 200));
    holds(result.response?.redirected, 'redirected');
    return result.response.url;
  });
  await check('get blob: the redirect is a 308', async () => {
    const response = await fetch(made?.url ?? '', { redirect: 'manual' });
    same(response.status, 308, 'status');
    holds(response.headers.get('location'), 'has a location');
  });
  await check('head blob: 204, and 404 when there is none', async () => {
    data(await headBlob({ client, path }), 204);
    problem(await headBlob({ client, path: UNKNOWN }), 404);
  });
  await check('refresh blob: a new URL that works', async () => {
    const refreshed = data(await refreshBlob({ client, path }), 200) as ImageBlob;
    same([refreshed.id, refreshed.type, refreshed.available], [made?.id, 'image', true], 'blob');
    await serves(refreshed.url);
    problem(await refreshBlob({ client, path: UNKNOWN }), 404);
  });
  await check('blob content: by its token', async () => {
    const encryptedToken = decodeURIComponent(new URL(content ?? '').pathname.split('/').at(-1) ?? '');
    const result = await getBlobContent({ client, path: { encryptedToken } });
    isImage(data(result, 200));
    holds(result.response?.headers.get('cache-control')?.includes('max-age'), 'may be cached');
  });
  await check('blob content: a bad token is a 400', async () =>
    problem(await getBlobContent({ client, path: { encryptedToken: 'bad' } }), 400),
  );
  await check('get blob: an unknown blob is a 404', async () => problem(await getBlob({ client, path: UNKNOWN }), 404));
}

async function serves(url: string | null | undefined): Promise<void> {
  const response = await fetch(url ?? '');
  same(response.status, 200, 'status of the URL');
  isImage(await response.blob());
}

function isImage(bytes: unknown): void {
  holds(bytes instanceof Blob, `expected a Blob, got ${typeof bytes}`);
  holds(bytes.type.startsWith('image/'), `expected an image, got ${bytes.type}`);
  holds(bytes.size > 1000, `has only ${bytes.size} bytes`);
}
