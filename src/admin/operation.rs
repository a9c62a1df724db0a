//! An operation of the API as the OpenAPI document tells of it: built up word by word.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::path::{
    HttpMethod, Operation as Described, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Required, ResponseBuilder, Schema};

use super::ProblemKind;
use super::access::Access;
use crate::model::Role;

pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A route as the document tells of it.
pub(super) struct Operation {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    access: Access,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RefOr<Schema>>,
    answers: Vec<Answer>,
    problems: Vec<ProblemKind>,
    pub(super) schemas: Schemas,
}

/// A good answer.
struct Answer {
    status: u16,
    description: &'static str,
    content: Option<(&'static str, RefOr<Schema>)>,
    /// Kinds of text that it may be instead.
    also: Vec<(&'static str, Schema)>,
    headers: Vec<(&'static str, &'static str)>,
}

fn operation(method: HttpMethod, path: &'static str, access: Access, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        access,
        summary,
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        problems: Vec::new(),
        schemas: Vec::new(),
    }
}

pub(super) fn get(path: &'static str, access: Access, summary: &'static str) -> Operation {
    operation(HttpMethod::Get, path, access, summary)
}

pub(super) fn post(path: &'static str, role: Role, summary: &'static str) -> Operation {
    operation(HttpMethod::Post, path, Access::Of(role), summary)
}

pub(super) fn delete(path: &'static str, role: Role, summary: &'static str) -> Operation {
    operation(HttpMethod::Delete, path, Access::Of(role), summary)
}

impl Operation {
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    /// Its body holds a `T`.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.body = Some(self.schema::<T>());
        self
    }

    /// It is answered with a `T`.
    pub(super) fn gives<T: ToSchema>(self, description: &'static str) -> Self {
        self.gives_with_status::<T>(200, description)
    }

    /// The same with another status.
    pub(super) fn gives_with_status<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let content = Some(("application/json", self.schema::<T>()));
        self.answers.push(Answer { status, description, content, also: Vec::new(), headers: Vec::new() });
        self
    }

    /// It is answered with text of a kind.
    pub(super) fn gives_text(mut self, status: u16, kind: &'static str, description: &'static str) -> Self {
        let text = RefOr::T(ObjectBuilder::new().schema_type(Type::String).build().into());
        self.answers.push(Answer {
            status,
            description,
            content: Some((kind, text)),
            also: Vec::new(),
            headers: Vec::new(),
        });
        self
    }

    /// It is answered without a body.
    pub(super) fn gives_nothing(mut self, description: &'static str) -> Self {
        self.answers.push(Answer { status: 204, description, content: None, also: Vec::new(), headers: Vec::new() });
        self
    }

    /// Its last answer may be a `T` instead.
    pub(super) fn or<T: ToSchema>(mut self) -> Self {
        let other = self.schema::<T>();
        if let Some((_, content)) = self.answers.last_mut().and_then(|answer| answer.content.as_mut()) {
            let either = AnyOfBuilder::new().item(content.clone()).item(other).build();
            *content = RefOr::T(Schema::AnyOf(either));
        }
        self
    }

    /// Its last answer may be text of a kind instead.
    pub(super) fn also_text(mut self, kind: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.also.push((kind, text()));
        }
        self
    }

    /// Its last answer has a header.
    pub(super) fn header(mut self, name: &'static str, description: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push((name, description));
        }
        self
    }

    /// It may come to these problems, beside those that every request may.
    pub(super) fn fails(mut self, problems: &[ProblemKind]) -> Self {
        self.problems.extend(problems);
        self
    }

    pub(super) fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        required: Required,
        schema: Schema,
        description: &str,
    ) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .schema(Some(RefOr::T(schema)))
            .description(Some(description));
        self.parameters.push(parameter.build());
        self
    }

    /// A part of its path.
    pub(super) fn named(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Path, name, Required::True, text(), description)
    }

    /// A text in its query that must be there.
    pub(super) fn needs(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Query, name, Required::True, text(), description)
    }

    /// A text in its query.
    pub(super) fn asks(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Query, name, Required::False, text(), description)
    }

    /// A whole number in its query.
    pub(super) fn counts(self, name: &str, range: (usize, Option<usize>), description: &str) -> Self {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(range.0)).maximum(range.1).build();
        self.parameter(ParameterIn::Query, name, Required::False, number.into(), description)
    }

    /// A number in its path.
    pub(super) fn numbered(self, name: &str, description: &str) -> Self {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
        self.parameter(ParameterIn::Path, name, Required::True, number.into(), description)
    }

    /// Yes or no in its query.
    pub(super) fn flag(self, name: &str, description: &str) -> Self {
        let flag = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).build();
        self.parameter(ParameterIn::Query, name, Required::False, flag.into(), description)
    }

    /// A time in its query.
    pub(super) fn dates(self, name: &str, description: &str) -> Self {
        let time = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .build();
        self.parameter(ParameterIn::Query, name, Required::False, time.into(), description)
    }

    /// It honours `If-Match`.
    pub(super) fn conditional(self) -> Self {
        let told = "the ETag of GET /api/v1/orders that it was decided on: on other orders it is not done, with 409";
        self.parameter(ParameterIn::Header, "If-Match", Required::False, text(), told).fails(&[ProblemKind::Conflict])
    }

    pub(super) fn described(&self) -> Described {
        let mut builder = OperationBuilder::new().summary(Some(self.summary)).operation_id(Some(self.id()));
        for parameter in &self.parameters {
            builder = builder.parameter(parameter.clone());
        }
        if let Some(body) = &self.body {
            let content = ContentBuilder::new().schema(Some(body.clone())).build();
            let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
            builder = builder.request_body(Some(body.build()));
        }
        for answer in &self.answers {
            let mut response = ResponseBuilder::new().description(answer.description);
            if let Some((kind, schema)) = &answer.content {
                response = response.content(*kind, ContentBuilder::new().schema(Some(schema.clone())).build());
            }
            for (kind, schema) in &answer.also {
                response = response.content(*kind, ContentBuilder::new().schema(Some(schema.clone())).build());
            }
            for (name, told) in &answer.headers {
                let header = HeaderBuilder::new().schema(Some(text())).description(Some(*told)).build();
                response = response.header(*name, header);
            }
            builder = builder.response(answer.status.to_string(), response.build());
        }
        for (status, titles) in self.failures() {
            let schema = RefOr::Ref(Ref::from_schema_name("ProblemDocument"));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new().description(titles).content("application/problem+json", content);
            builder = builder.response(status.to_string(), response.build());
        }
        for security in self.securities() {
            builder = builder.security(security);
        }
        builder.build()
    }

    /// The problems that it may come to, by status.
    fn failures(&self) -> BTreeMap<u16, String> {
        let mut kinds = vec![ProblemKind::Misdirected, ProblemKind::Timeout, ProblemKind::Internal];
        if self.access != Access::Anyone || self.path.starts_with("/api/") {
            kinds.extend([ProblemKind::Unauthenticated, ProblemKind::TooMany, ProblemKind::Forbidden]);
        }
        if self.body.is_some() {
            kinds.extend([ProblemKind::Invalid, ProblemKind::TooLarge, ProblemKind::MediaType]);
        }
        if !self.parameters.is_empty() {
            kinds.push(ProblemKind::Invalid);
        }
        kinds.extend(&self.problems);
        let mut failures: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for kind in kinds {
            let titles = failures.entry(kind.status()).or_default();
            if !titles.contains(&kind.title()) {
                titles.push(kind.title());
            }
        }
        failures.into_iter().map(|(status, titles)| (status, titles.join("; or: "))).collect()
    }

    /// What callers show; none at all where nothing is asked of some.
    fn securities(&self) -> Vec<SecurityRequirement> {
        let none: [&str; 0] = [];
        let mut securities = vec![
            SecurityRequirement::new("token", none),
            SecurityRequirement::new("session", none),
            SecurityRequirement::new("certificate", none),
        ];
        if !matches!(self.access, Access::Of(_)) {
            securities.push(SecurityRequirement::default());
        }
        securities
    }

    pub(super) fn id(&self) -> String {
        let path = self.path.trim_start_matches("/api/v1/").replace(['/', '-', '.'], "_").replace(['{', '}'], "");
        let method = match self.method {
            HttpMethod::Get => "get",
            HttpMethod::Post => "post",
            HttpMethod::Delete => "delete",
            _ => "do",
        };
        format!("{method}_{}", path.trim_start_matches('_'))
    }

    /// Its last answer may also be a stream of server-sent events, whose data are `T`s.
    pub(super) fn streams<T: ToSchema>(mut self) -> Self {
        self.schema::<T>();
        let event = ObjectBuilder::new()
            .description(Some(format!("A server-sent event; its data are a JSON document: {}", T::name())))
            .property("id", text())
            .property("event", text())
            .property("data", text())
            .build();
        if let Some(answer) = self.answers.last_mut() {
            answer.also.push(("text/event-stream", event.into()));
        }
        self
    }
}

pub(super) fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}
