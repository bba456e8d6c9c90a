import { getWorkflow, getWorkflowStep, handleError, submitWorkflow } from '@civitai/client';
import type {
  ImageGenOutput,
  RepeatOutput,
  SdxlCreateImageGenInput,
  TextToImageOutput,
  Workflow,
  WorkflowStep,
} from '@civitai/client';

import { check, data, holds, problem, same } from './report';
import { type Client, type Step, FINAL, chain, echo, finished, image, repeat, unique } from './templates';

const REQUIRED = ['createdAt', 'metadata', 'status', 'tags', 'arguments', 'steps', 'callbacks', 'tips', 'cost'];
const REQUIRED_TOO = ['upgradeMode', 'currencies', 'forceRefunded'];

/** POST /v2/consumer/workflows: what is accepted, what is answered, and what is refused. */
export async function driveSubmission(client: Client, stranger: Client): Promise<void> {
  await check('submit: an echo that is waited for has succeeded', () => echoed(client));
  await check('submit: a reply has all required members and no nulls', () => complete(client));
  await check('submit: without wait the reply is 202, or 200 if it is done', () => accepted(client));
  await check('submit: a wait above the cap is cut, not refused', () => longWait(client));
  await check('submit: an image is made for textToImage', () => imageMade(client));
  await check('submit: an image is made for imageGen', () => imageGen(client));
  await check('submit: a seed may come as a bigint', () => bigSeed(client));
  await check('submit: steps take values from steps and arguments', () => references(client));
  await check('submit: a step is repeated for each item of an argument', () => repeated(client));
  await check('submit: a step is repeated for each image of another', () => repeatedForImages(client));
  await check('submit: whatif prices and keeps nothing', () => whatif(client));
  await check('submit: one externalId is one workflow', () => externalId(client));
  await check('submit: metadata, tags, callbacks and tips come back', () => echoedMembers(client));
  await check('submit: an ephemeral workflow is gone once it has been delivered', () => ephemeral(client));
  await check('submit: what is wrong is a 400 with errors by path', () => refused(client));
  await check('submit: an empty body is a 400', async () => problem(await submitWorkflow({ client }), 400));
  await check('submit: a bad token is a 401', async () =>
    problem(await submitWorkflow({ client: stranger, body: { steps: [echo('x')], currencies: [] } }), 401),
  );
}

async function echoed(client: Client): Promise<void> {
  const workflow = await finished(client, [echo('hello')]);
  same(workflow.status, 'succeeded', 'status');
  same(workflow.steps[0].output, { message: 'hello' }, 'output');
  same(workflow.steps[0].name, '$0', 'name');
  holds(workflow.completedAt && !Number.isNaN(Date.parse(workflow.completedAt)), 'completedAt is a date');
}

async function complete(client: Client): Promise<void> {
  const workflow = await finished(client, [echo('hello'), image('a horse')]);
  const missing = [...REQUIRED, ...REQUIRED_TOO].filter((member) => !(member in workflow));
  same(missing, [], 'missing');
  holds(!JSON.stringify(workflow).includes(':null'), `has nulls: ${JSON.stringify(workflow)}`);
}

async function accepted(client: Client): Promise<void> {
  const result = await submitWorkflow({ client, body: { steps: chain(3), currencies: [] } });
  const workflow = data<Workflow>(result);
  same(result.response?.status, FINAL.includes(workflow.status) ? 200 : 202, 'status');
  same(typeof workflow.id, 'string', 'type of id');
}

async function longWait(client: Client): Promise<void> {
  const body = { steps: [echo('hello')], currencies: [] };
  same(data(await submitWorkflow({ client, body, query: { wait: 120 } }), 200).status, 'succeeded', 'status');
}

async function imageMade(client: Client): Promise<void> {
  const workflow = await finished(client, [image('a red horse', { quantity: 2 })]);
  const { images } = workflow.steps[0].output as ImageGenOutput;
  same(images.length, 2, 'number of images');
  for (const made of images) {
    same([made.type, made.available, made.width, made.height], ['image', true, 512, 512], 'image');
  }
}

async function imageGen(client: Client): Promise<void> {
  const input: SdxlCreateImageGenInput = {
    engine: 'sdcpp',
    ecosystem: 'sdxl',
    operation: 'createImage',
    model: 'urn:air:sdxl:checkpoint:civitai:101055@128078',
    prompt: 'a horse in Siena',
    width: 768,
    height: 512,
  };
  const workflow = await finished(client, [{ $type: 'imageGen', input }]);
  const { images } = workflow.steps[0].output as ImageGenOutput;
  same([images[0].width, images[0].height], [768, 512], 'size');
}

async function bigSeed(client: Client): Promise<void> {
  const workflow = await finished(client, [image('a horse', { seed: 42n })]);
  same(workflow.status, 'succeeded', 'status');
}

async function references(client: Client): Promise<void> {
  const steps = [
    echo({ $ref: 'second', path: 'output.message' }),
    echo({ $ref: '$arguments', path: 'texts[1]' }, { name: 'second' }),
  ];
  const workflow = await finished(client, steps, { arguments: { texts: ['a', 'b'] } });
  same(workflow.steps[0].output, { message: 'b' }, 'output');
  same(workflow.steps[0].input, { message: { $ref: 'second', path: 'output.message' } }, 'input');
}

async function repeated(client: Client): Promise<void> {
  const steps = [repeat('$arguments', 'texts', echo({ $ref: 'item', path: '' }))];
  const workflow = await finished(client, steps, { arguments: { texts: ['a', 'b'] } });
  const { steps: copies } = workflow.steps[0].output as RepeatOutput;
  same(copies.map(outputOf), [{ message: 'a' }, { message: 'b' }], 'outputs');
  const path = { workflowId: workflow.id, stepName: copies[1].name };
  same(outputOf(data(await getWorkflowStep({ client, path }), 200)), { message: 'b' }, 'output of a copy by its name');
}

async function repeatedForImages(client: Client): Promise<void> {
  const night = image('a horse at night', { sourceImage: { $ref: 'item', path: 'url' } });
  const workflow = await finished(client, [image('a horse', { quantity: 2 }), repeat('$0', 'output.images', night)]);
  const { steps: copies } = workflow.steps[1].output as RepeatOutput;
  same(workflow.status, 'succeeded', 'status');
  same(copies.map((copy) => (outputOf(copy) as TextToImageOutput).images.length), [1, 1], 'images of the copies');
}

function outputOf(step: WorkflowStep): unknown {
  return (step as { output?: unknown }).output;
}

async function whatif(client: Client): Promise<void> {
  const body = { steps: [image('a horse')], currencies: [] };
  const result = await submitWorkflow({ client, body, query: { whatif: true } });
  const workflow = data(result, 200);
  same(workflow.steps[0].status, 'unassigned', 'status of the step');
  holds(workflow.cost.total > 0, 'costs something');
  same(workflow.transactions?.list[0]?.amount, workflow.cost.total, 'amount debited');
  same(result.response?.headers.get('x-civitai-cost-total'), String(workflow.cost.total), 'header');
  same(result.response?.headers.get('x-civitai-insufficient-buzz'), 'false', 'header');
  if (workflow.id) problem(await getWorkflow({ client, path: { workflowId: workflow.id } }), 404);
}

async function externalId(client: Client): Promise<void> {
  const id = unique('order');
  const submissions = ['one', 'two', 'three'].map((message) =>
    submitWorkflow({ client, body: { steps: [echo(message)], currencies: [], externalId: id } }),
  );
  const ids = (await Promise.all(submissions)).map((result) => data<Workflow>(result).id);
  same(new Set(ids).size, 1, 'number of workflows');
}

async function echoedMembers(client: Client): Promise<void> {
  const workflow = await finished(client, [echo('hello', { metadata: { a: 1 }, timeout: '00:10:00' })], {
    metadata: { name: 'first' },
    tags: ['portrait'],
    tips: { civitai: 0, creators: 0.25 },
    upgradeMode: 'automatic',
    currencies: ['blue'],
  });
  same(workflow.metadata, { name: 'first' }, 'metadata');
  same(workflow.tags, ['portrait'], 'tags');
  same(workflow.tips, { civitai: 0, creators: 0.25 }, 'tips');
  same([workflow.upgradeMode, workflow.currencies], ['automatic', ['blue']], 'upgradeMode and currencies');
  const [step] = workflow.steps;
  same([step.metadata, step.timeout, step.priority], [{ a: 1 }, '00:10:00', 'normal'], 'step');
}

async function ephemeral(client: Client): Promise<void> {
  const workflow = await finished(client, [echo('hello')], { ephemeral: true });
  same(workflow.steps[0].output, { message: 'hello' }, 'output');
  problem(await getWorkflow({ client, path: { workflowId: workflow.id } }), 404);
  const body = { steps: [echo('hello')], currencies: [], ephemeral: true };
  problem(await submitWorkflow({ client, body }), 400);
}

async function refused(client: Client): Promise<void> {
  const steps: Step[] = [echo('fine'), echo(5), { $type: 'noSuchStep', input: {} }, echo({ $ref: 'none', path: 'a' })];
  const result = await submitWorkflow({ client, body: { steps, currencies: [], tags: ['a', 'a'] } });
  const { errors = {}, detail } = problem(result, 400);
  const paths = ['steps[1].input.message', 'steps[2].$type', 'steps[3].input.message', 'tags[1]'];
  same(Object.keys(errors).sort(), paths, 'paths');
  same(handleError(result.error as never), detail, 'message that the client shows');
}
