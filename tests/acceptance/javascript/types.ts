/**
 * Never run, only compiled: the client's types, used as a program in TypeScript would.
 *
 * tsconfig.json maps `src/generated`, a path of the client's repository that its published declarations import.
 */
import {
  Air,
  JsonPatchFactory,
  NsfwLevel,
  TimeSpan,
  WorkflowStatus,
  createCivitaiClient,
  getWorkflow,
  queryWorkflows,
  submitWorkflow,
} from '@civitai/client';
import type {
  EchoStep,
  EchoStepTemplate,
  ImageGenStep,
  ImageGenStepTemplate,
  ProblemDetails,
  SdxlCreateImageGenInput,
  TextToImageStepTemplate,
  Workflow,
  WorkflowCallback,
  WorkflowCost,
  WorkflowStepJob,
  WorkflowTemplate,
} from '@civitai/client';

const client = createCivitaiClient({ baseUrl: 'http://127.0.0.1:8080', auth: 'token' });

const model: string = Air.stringify({ ecosystem: 'sdxl', type: 'checkpoint', source: 'civitai', id: '1', version: '2' });
const input: SdxlCreateImageGenInput = {
  engine: 'sdcpp',
  ecosystem: 'sdxl',
  operation: 'createImage',
  model,
  prompt: 'a horse',
  width: 1024,
  height: 1024,
  loras: { 'urn:air:sdxl:lora:civitai:3@4': 0.8 },
};
const generate: ImageGenStepTemplate = { $type: 'imageGen', name: 'generate', priority: 'high', retries: 2, input };
const older: TextToImageStepTemplate = {
  $type: 'textToImage',
  timeout: new TimeSpan(0, 10, 0).toString(['hours', 'minutes', 'seconds']),
  input: { prompt: 'a horse', cfgScale: 7, seed: 1 },
};
const echo: EchoStepTemplate = { $type: 'echo', input: { message: 'hello' } };
const callback: WorkflowCallback = { url: 'https://a.example/hook', type: ['workflow:*', 'step:failed'], detailed: true };

export const template: WorkflowTemplate = {
  steps: [generate, older, echo],
  currencies: ['blue'],
  tags: ['portrait'],
  callbacks: [callback],
  tips: { civitai: 0, creators: 0.25 },
  metadata: { palio: { objective: 'cheapest' } },
  arguments: { prompt: 'a horse' },
  nsfwLevel: NsfwLevel.PG,
  upgradeMode: 'manual',
  externalId: 'order-17',
};

export async function submit(): Promise<string> {
  const { data, error, response } = await submitWorkflow({ client, body: template, query: { wait: 30, whatif: false } });
  if (data === undefined) return describe(error ?? 'no reply');
  const cost: WorkflowCost = data.cost;
  return `${response.status} ${data.id ?? ''} ${cost.total + cost.tips.creators}`;
}

export async function follow(workflowId: string): Promise<URL[]> {
  const { data } = await getWorkflow({ client, path: { workflowId }, query: { wait: 30 }, throwOnError: true });
  if (data.status !== WorkflowStatus.SUCCEEDED) throw new Error(failures(data).join());
  return data.steps
    .filter((step) => step.$type === 'imageGen')
    .flatMap((step) => (step as ImageGenStep).output?.images ?? [])
    .flatMap((image) => (image.available && image.url ? [new URL(image.url)] : []));
}

export async function* everything(): AsyncGenerator<Workflow> {
  let cursor: string | undefined;
  do {
    const { data } = await queryWorkflows({ client, query: { tags: ['portrait'], take: 50, cursor }, throwOnError: true });
    yield* data.items;
    cursor = data.next;
  } while (cursor);
}

export function cancelation(): JsonPatchFactory<Pick<Workflow, 'status' | 'tags'>> {
  const factory = new JsonPatchFactory<Pick<Workflow, 'status' | 'tags'>>();
  factory.addOperation({ op: 'replace', path: 'status', value: 'canceled' });
  factory.addOperation({ op: 'add', path: 'tags/-', value: 'stopped' });
  return factory;
}

export function message(step: EchoStep): string {
  return step.output?.message ?? step.input.message;
}

function failures(workflow: Workflow): string[] {
  const jobs: WorkflowStepJob[] = workflow.steps.flatMap((step) => step.jobs ?? []);
  return jobs.map((job) => `${job.id}: ${job.status}, position ${job.queuePosition?.precedingJobs ?? 0}`);
}

function describe(error: ProblemDetails | string): string {
  return typeof error === 'string' ? error : `${error.status}: ${error.detail}`;
}
