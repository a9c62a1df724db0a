//! Requirements: sites where a service is held back by nothing, because what it requires has no endpoint there.

use std::collections::HashSet;

use super::findings::Finding;
use crate::model::{Endpoint, Service, ServiceIx, Settings, SiteIx};

/// A warning for each service and service that it requires, with all sites where the one has endpoints and the other, which
/// takes part there, has none.
pub(super) fn without_endpoints<'a>(
    settings: &'a Settings,
    endpoints: &[Endpoint],
) -> impl Iterator<Item = (&'a Service, Finding)> {
    let manned: HashSet<(ServiceIx, SiteIx)> =
        endpoints.iter().map(|endpoint| (endpoint.service, endpoint.site)).collect();
    let services = (0_u16..).map(ServiceIx).zip(&settings.services);
    services.flat_map(move |(ix, service)| {
        let findings: Vec<Finding> = service
            .requires
            .iter()
            .filter_map(|required| {
                let declared = settings.services.get(required.get())?;
                // Where it takes no part at all, the configuration itself is warned of.
                let bare = declared.sites.iter().filter(|site| !manned.contains(&(*required, **site)));
                let bare = bare.filter(|site| manned.contains(&(ix, **site)));
                let names: Vec<&str> =
                    bare.filter_map(|site| settings.sites.get(site.get())).map(|site| site.name.as_str()).collect();
                (!names.is_empty()).then(|| finding(service, declared, &names.join(", ")))
            })
            .collect();
        findings.into_iter().map(move |finding| (service, finding))
    })
}

fn finding(service: &Service, required: &Service, sites: &str) -> Finding {
    let (service, required) = (&service.name, &required.name);
    let what = format!("service {service} at {sites}, where service {required} that it requires has no endpoint");
    let remedy = format!(
        "add records of {required} with addresses at {sites} to the zones; until then {required} does not hold {service} \
         back there"
    );
    Finding::warning(what, "an endpoint of the required service", remedy)
}
