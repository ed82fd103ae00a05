#pragma once
// A device's connection for the time of one run. Over ZeroMQ: zmq_link.h; over the host's own HTTPS: host_link.h. One thread per object,
// but for wake().

#include <functional>
#include <memory>

#include "common/clock.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/identity_signer.h"
#include "common/ids.h"
#include "common/random_source.h"
#include "common/result.h"
#include "common/transport/channel.h"

namespace fedspend::client {

class DeviceLink : public DeviceChannel {
 public:
  // Until there may be something to receive, or the time is over.
  virtual Status wait(Millis timeout) = 0;
  // Ends the wait that is under way, or else the next one. The only call that other threads may make, while the object lives.
  virtual void wake() noexcept = 0;
  // The session works on something to say (it trains): where waiting to hear would keep that back, the link waits less.
  virtual void speaks_soon(bool) {}
  // unauthorized: the coordinator does not take this device's key, for good. unavailable: there was never an answer in time.
  virtual Status check(Millis now) = 0;
  // Connections made so far: more than before means a new one.
  virtual std::uint64_t connections() const = 0;
};

// Who connects. The references outlive the link.
struct LinkDevice {
  const CurveKeyPair& curve;
  const ClientId& id;
  IdentitySigner& signer;
  RandomSource& random;
};

using ConnectDevice = std::function<Result<std::unique_ptr<DeviceLink>>(const LinkDevice& device)>;

}  // namespace fedspend::client
