import { getWorkflow, getWorkflowStep, queryWorkflows, submitWorkflow } from '@civitai/client';
import type { QueryWorkflowsData, Workflow } from '@civitai/client';

import { check, data, holds, problem, same } from './report';
import { type Client, FINAL, chain, echo, finished, unique } from './templates';

type Query = QueryWorkflowsData['query'];

/** GET of workflows, one workflow and one step. */
export async function driveQueries(client: Client, stranger: Client): Promise<void> {
  const tag = unique('query/with space');
  const ids: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    const workflow = await check(`query: submit ${name}`, () =>
      finished(client, [echo(name)], { tags: [tag, name], metadata: { title: `${tag} ${name}` } }),
    );
    if (workflow) ids.push(workflow.id);
  }
  const newestFirst = [...ids].reverse();

  await check('query: newest first, only those with the tag', async () => {
    same(await idsOf(client, { tags: [tag] }), newestFirst, 'ids');
  });
  await check('query: all of the tags are needed', async () => {
    same(await idsOf(client, { tags: [tag, 'two'] }), [ids[1]], 'ids');
  });
  await check('query: ascending is oldest first', async () => {
    same(await idsOf(client, { tags: [tag], ascending: true }), ids, 'ids');
  });
  await check('query: text is found in metadata', async () => {
    same(await idsOf(client, { query: `${tag} three` }), [ids[2]], 'ids');
  });
  await check('query: dates bound the creation', async () => {
    const [first, second] = [await read(client, ids[0]), await read(client, ids[1])];
    same(await idsOf(client, { tags: [tag], toDate: first.createdAt }), [ids[0]], 'to');
    same(await idsOf(client, { tags: [tag], fromDate: second.createdAt }), newestFirst.slice(0, 2), 'from');
    // The client sends a Date with unescaped colons.
    const tomorrow = new Date(Date.now() + 86_400_000) as unknown as string;
    same(await idsOf(client, { tags: [tag], fromDate: tomorrow }), [], 'from tomorrow');
  });
  await check('query: flags are taken', async () => {
    same(await idsOf(client, { tags: [tag], excludeFailed: true, hideMatureContent: false }), newestFirst, 'ids');
  });
  await check('query: pages follow each other to the end', () => pages(client, tag, newestFirst));
  await check('query: a bad token is a 401', async () => problem(await queryWorkflows({ client: stranger }), 401));
  await check('query: a bad cursor is a 400', async () =>
    problem(await queryWorkflows({ client, query: { cursor: '!' } }), 400),
  );

  await check('get: a workflow reads as it was answered', async () => {
    const workflow = await read(client, ids[0]);
    same([workflow.id, workflow.status, workflow.tags], [ids[0], 'succeeded', [tag, 'one']], 'workflow');
  });
  await check('get: with wait the reply is held until the end', () => held(client));
  await check('get: an unknown workflow is a 404', async () =>
    problem(await getWorkflow({ client, path: { workflowId: 'no such/workflow' } }), 404),
  );
  await check('get step: by its default name', async () => {
    const step = data(await getWorkflowStep({ client, path: { workflowId: ids[0], stepName: '$0' } }), 200);
    same([step.$type, step.name, step.status], ['echo', '$0', 'succeeded'], 'step');
    const { input, output } = step as unknown as { input: unknown; output: unknown };
    same([input, output], [{ message: 'one' }, { message: 'one' }], 'input and output');
  });
  await check('get step: by a name that needs escaping', async () => {
    const name = 'a/b c%';
    const workflow = await finished(client, [echo('x', { name })]);
    same(data(await getWorkflowStep({ client, path: { workflowId: workflow.id, stepName: name } })).name, name, 'name');
  });
  await check('get step: an unknown step is a 404', async () =>
    problem(await getWorkflowStep({ client, path: { workflowId: ids[0], stepName: '$9' } }), 404),
  );
}

async function idsOf(client: Client, query: Query): Promise<unknown[]> {
  return data(await queryWorkflows({ client, query }), 200).items.map((workflow) => workflow.id);
}

async function read(client: Client, workflowId: string): Promise<Workflow> {
  return data(await getWorkflow({ client, path: { workflowId } }), 200);
}

async function pages(client: Client, tag: string, expected: string[]): Promise<void> {
  const seen: unknown[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 10; page += 1) {
    const { items, next } = data(await queryWorkflows({ client, query: { tags: [tag], take: 1, cursor } }), 200);
    seen.push(...items.map((workflow) => workflow.id));
    holds(next !== '', 'next is empty instead of absent');
    if (!next) break;
    cursor = next;
  }
  same(seen, expected, 'ids over all pages');
}

async function held(client: Client): Promise<void> {
  const body = { steps: chain(3), currencies: [] };
  const submitted = data<Workflow>(await submitWorkflow({ client, body }));
  const result = await getWorkflow({ client, path: { workflowId: submitted.id as string }, query: { wait: 60 } });
  const workflow = data<Workflow>(result, 200);
  holds(FINAL.includes(workflow.status), `ended, but is ${workflow.status}`);
}
