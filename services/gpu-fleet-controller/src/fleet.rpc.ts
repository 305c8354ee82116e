import { Inject } from '@nestjs/common';
import { fleet } from '@flotilla/contracts';
import { RpcController, type CallContext, type Handlers } from '@flotilla/rpc';
import { engineMessage } from './fleet-messages.ts';
import { Fleet } from './fleet.ts';

@RpcController(fleet.FleetDefinition)
export class FleetRpc implements Handlers<typeof fleet.FleetDefinition> {
  constructor(@Inject(Fleet) private readonly fleet: Fleet) {}

  async listEngines(): Promise<fleet.EngineList> {
    return { engines: this.fleet.list().map(engineMessage) };
  }

  async startEngine({ engineId }: fleet.StartEngineRequest, { signal }: CallContext): Promise<fleet.Engine> {
    return engineMessage(await this.fleet.startEngine(engineId, signal));
  }

  async stopEngine({ engineId }: fleet.StopEngineRequest): Promise<fleet.Engine> {
    return engineMessage(await this.fleet.stopEngine(engineId));
  }
}
