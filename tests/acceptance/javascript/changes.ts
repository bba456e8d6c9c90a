import {
  JsonPatchFactory,
  addWorkflowTag,
  deleteWorkflow,
  getWorkflow,
  getWorkflowStep,
  patchWorkflow,
  patchWorkflowStep,
  queryWorkflows,
  removeAllWorkflowTags,
  removeWorkflowTag,
  submitWorkflow,
  updateWorkflow,
  updateWorkflowStep,
} from '@civitai/client';
import type { Workflow, WorkflowStep } from '@civitai/client';

import { check, data, problem, same } from './report';
import { type Client, chain, echo, finished, unique } from './templates';

type Patchable = { status: string; metadata: { name: string }; tags: string[] };

const UNKNOWN = { workflowId: 'nothing-has-this-id' };

/** PUT, PATCH and DELETE of workflows, their tags and their steps. */
export async function driveChanges(client: Client): Promise<void> {
  const workflow = await check('change: submit', () =>
    finished(client, [echo('hello')], { tags: ['first'], metadata: { name: 'before', keep: 1 } }),
  );
  const path = { workflowId: workflow?.id ?? '' };

  await check('put: metadata and tags are replaced', async () => {
    data(await updateWorkflow({ client, path, body: { metadata: { name: 'put' }, tags: ['a', 'b'] } }), 204);
    const after = await read(client, path.workflowId);
    same([after.metadata, after.tags], [{ name: 'put' }, ['a', 'b']], 'metadata and tags');
  });
  await check('put: cancel of a running workflow ends it', () => canceledBy(client, cancelByUpdate));
  await check('put: cancel of an ended workflow is no error', async () => {
    data(await updateWorkflow({ client, path, body: { status: 'canceled' } }), 204);
    same((await read(client, path.workflowId)).status, 'succeeded', 'status');
  });
  await check('put: too many tags are a 400', async () => {
    const tags = Array.from({ length: 11 }, (_, index) => `tag ${index}`);
    problem(await updateWorkflow({ client, path, body: { tags } }), 400);
  });
  await check('put: an unknown workflow is a 404', async () =>
    problem(await updateWorkflow({ client, path: UNKNOWN, body: { tags: [] } }), 404),
  );

  await check('patch: operations of the factory are applied', async () => {
    const factory = new JsonPatchFactory<Patchable>();
    factory.addOperation({ op: 'add', path: 'tags/-', value: 'c' });
    factory.addOperation({ op: 'replace', path: 'metadata/name', value: 'patched' });
    data(await patchWorkflow({ client, path, body: factory.operations }), 204);
    const after = await read(client, path.workflowId);
    same([after.metadata, after.tags], [{ name: 'patched' }, ['a', 'b', 'c']], 'metadata and tags');
  });
  await check('patch: cancel of a running workflow ends it', () => canceledBy(client, cancelByPatch));
  await check('patch: what cannot be patched is a 400', async () => {
    const body = [{ op: 'replace' as const, path: '/steps', value: [] }];
    problem(await patchWorkflow({ client, path, body }), 400);
  });
  await check('patch: an unknown workflow is a 404', async () =>
    problem(await patchWorkflow({ client, path: UNKNOWN, body: [] }), 404),
  );

  await driveTags(client);
  await driveSteps(client, path.workflowId);
  await driveDeletion(client);
}

async function driveTags(client: Client): Promise<void> {
  const workflow = await check('tags: submit', () => finished(client, [echo('hello')]));
  const path = { workflowId: workflow?.id ?? '' };
  const tags = async () => (await read(client, path.workflowId)).tags;

  await check('tags: a tag is added once', async () => {
    for (const body of ['a/b?c#d%', 'plain', 'plain']) data(await addWorkflowTag({ client, path, body }), 204);
    same(await tags(), ['a/b?c#d%', 'plain'], 'tags');
  });
  await check('tags: a tag with reserved characters is removed', async () => {
    data(await removeWorkflowTag({ client, path: { ...path, tag: 'a/b?c#d%' } }), 204);
    same(await tags(), ['plain'], 'tags');
  });
  await check('tags: removing an absent tag is no error', async () => {
    data(await removeWorkflowTag({ client, path: { ...path, tag: 'absent' } }), 204);
  });
  await check('tags: all are removed', async () => {
    data(await removeAllWorkflowTags({ client, path }), 204);
    same(await tags(), [], 'tags');
  });
  await check('tags: one that is too long is a 400', async () =>
    problem(await addWorkflowTag({ client, path, body: 'x'.repeat(201) }), 400),
  );
  await check('tags: an unknown workflow is a 404', async () => {
    problem(await addWorkflowTag({ client, path: UNKNOWN, body: 'x' }), 404);
    problem(await removeWorkflowTag({ client, path: { ...UNKNOWN, tag: 'x' } }), 404);
    problem(await removeAllWorkflowTags({ client, path: UNKNOWN }), 404);
  });
}

async function driveSteps(client: Client, workflowId: string): Promise<void> {
  const path = { workflowId, stepName: '$0' };
  const metadata = async () => data<WorkflowStep>(await getWorkflowStep({ client, path }), 200).metadata;

  await check('put step: metadata is replaced', async () => {
    data(await updateWorkflowStep({ client, path, body: { metadata: { seen: 1, drop: true } } }), 204);
    same(await metadata(), { seen: 1, drop: true }, 'metadata');
  });
  await check('put step: metadata is required', async () =>
    problem(await updateWorkflowStep({ client, path, body: {} as never }), 400),
  );
  await check('patch step: metadata is patched', async () => {
    const factory = new JsonPatchFactory<{ metadata: { seen: number; drop: boolean } }>();
    factory.addOperation({ op: 'replace', path: 'metadata/seen', value: 2 });
    factory.addOperation({ op: 'remove', path: 'metadata/drop' });
    data(await patchWorkflowStep({ client, path, body: factory.operations }), 204);
    same(await metadata(), { seen: 2 }, 'metadata');
  });
  await check('patch step: the input cannot be patched', async () => {
    const body = [{ op: 'replace' as const, path: '/input/message', value: 'x' }];
    problem(await patchWorkflowStep({ client, path, body }), 400);
  });
  await check('step: an unknown step is a 404', async () => {
    const unknown = { workflowId, stepName: 'none' };
    problem(await updateWorkflowStep({ client, path: unknown, body: { metadata: {} } }), 404);
    problem(await patchWorkflowStep({ client, path: unknown, body: [] }), 404);
  });
}

async function driveDeletion(client: Client): Promise<void> {
  await check('delete: the workflow is gone and not listed', async () => {
    const tag = unique('deleted');
    const { id } = await finished(client, [echo('hello')], { tags: [tag] });
    data(await deleteWorkflow({ client, path: { workflowId: id } }), 204);
    problem(await getWorkflow({ client, path: { workflowId: id } }), 404);
    same(data(await queryWorkflows({ client, query: { tags: [tag] } })).items, [], 'items');
  });
  await check('delete: of a running workflow', async () => {
    const { id } = await started(client);
    data(await deleteWorkflow({ client, path: { workflowId: id } }), 204);
    problem(await getWorkflow({ client, path: { workflowId: id } }), 404);
  });
  await check('delete: an unknown workflow is a 404', async () =>
    problem(await deleteWorkflow({ client, path: UNKNOWN }), 404),
  );
}

async function read(client: Client, workflowId: string): Promise<Workflow> {
  return data<Workflow>(await getWorkflow({ client, path: { workflowId } }));
}

async function started(client: Client): Promise<{ id: string }> {
  const workflow = data<Workflow>(await submitWorkflow({ client, body: { steps: chain(40), currencies: [] } }), 202);
  return { id: workflow.id as string };
}

async function canceledBy(client: Client, cancel: (client: Client, id: string) => Promise<unknown>): Promise<void> {
  const { id } = await started(client);
  await cancel(client, id);
  const ended = data<Workflow>(await getWorkflow({ client, path: { workflowId: id }, query: { wait: 60 } }), 200);
  same(ended.status, 'canceled', 'status');
}

async function cancelByUpdate(client: Client, workflowId: string): Promise<void> {
  data(await updateWorkflow({ client, path: { workflowId }, body: { status: 'canceled' } }), 204);
}

async function cancelByPatch(client: Client, workflowId: string): Promise<void> {
  const factory = new JsonPatchFactory<Patchable>();
  factory.addOperation({ op: 'replace', path: 'status', value: 'canceled' });
  data(await patchWorkflow({ client, path: { workflowId }, body: factory.operations }), 204);
}
