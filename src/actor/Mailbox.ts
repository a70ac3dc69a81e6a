/**
 * The mailbox of a shard: bounded, and fair between tenants, so that one tenant's storm waits
 * behind itself and not in front of the others.
 */
export interface Mailbox<Item> {
  /** False when the tenant or the mailbox is full. */
  readonly offer: (tenant: string, item: Item) => boolean;
  /** Takes one from the tenant whose turn it is. */
  readonly take: () => Item | undefined;
  readonly size: () => number;
}

export const make = <Item>(limits: {
  readonly total: number;
  readonly perTenant: number;
}): Mailbox<Item> => {
  // Insertion order of the map is the order of turns: a tenant with more goes to the end.
  const queues = new Map<string, Array<Item>>();
  let size = 0;
  return {
    offer: (tenant, item) => {
      const queue = queues.get(tenant);
      if (size >= limits.total || (queue?.length ?? 0) >= limits.perTenant) return false;
      if (queue === undefined) queues.set(tenant, [item]);
      else queue.push(item);
      size++;
      return true;
    },
    take: () => {
      const next = queues.entries().next();
      if (next.done) return undefined;
      const [tenant, queue] = next.value;
      const item = queue.shift()!;
      size--;
      queues.delete(tenant);
      if (queue.length > 0) queues.set(tenant, queue);
      return item;
    },
    size: () => size,
  };
};
